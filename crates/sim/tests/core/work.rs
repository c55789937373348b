//! Requests as trees of work: what a service does, whom it calls, and what it says of it. A test changes the tree, and
//! here it becomes spans and log records in time. Knows no fault of its own.

use model::{
    Event, EventKind, Failure, FailureStatus, LogRecord, LogSeverity, Nanos, Outcome, SpanId, Str, TraceId,
};
use sim::Rng;

const MS: u64 = 1_000_000;

/// What one service does for one request.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) version: Str,
    pub(crate) instance: Str,
    /// Before the first call.
    pub(crate) own_ms: u64,
    /// What it fails with, without calling anybody.
    pub(crate) fails: Option<&'static str>,
    pub(crate) says: Vec<(LogSeverity, &'static str)>,
    /// One after the other, until one fails.
    pub(crate) calls: Vec<Work>,
    /// A third party leaves no span of its own.
    pub(crate) reports: bool,
}

/// What is told of one request.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) events: Vec<Event>,
    pub(crate) logs: Vec<LogRecord>,
}

impl Work {
    pub(crate) fn new(service: &'static str, operation: &'static str, own_ms: u64, calls: Vec<Self>) -> Self {
        Self {
            service,
            operation,
            version: "1.0.0".into(),
            instance: format!("{service}-0").into(),
            own_ms,
            fails: None,
            says: Vec::new(),
            calls,
            reports: true,
        }
    }

    /// Somebody who reports nothing.
    pub(crate) fn foreign(name: &'static str, own_ms: u64) -> Self {
        Self { reports: false, ..Self::new(name, "", own_ms, Vec::new()) }
    }

    /// Itself and all that is done below it.
    pub(crate) fn each(&mut self, change: &mut impl FnMut(&mut Self)) {
        change(self);
        self.calls.iter_mut().for_each(|call| call.each(change));
    }

    /// The whole request, from its outermost service on.
    pub(crate) fn at(&self, start: Nanos, rng: &mut Rng) -> Told {
        let trace = (u128::from(rng.word()) << 64 | u128::from(rng.word()) | 1).to_be_bytes();
        let user = Some(rng.below(500));
        let mut request = Request { rng, trace: TraceId(trace), user, told: Told::default() };
        request.serve(self, None, start);
        request.told
    }
}

struct Request<'a> {
    rng: &'a mut Rng,
    trace: TraceId,
    user: Option<u64>,
    told: Told,
}

/// When it was over, and what it failed with.
type Ended = (Nanos, Option<&'static str>);

impl Request<'_> {
    fn serve(&mut self, work: &Work, parent: Option<SpanId>, start: Nanos) -> Ended {
        let span = self.id();
        let jitter = self.rng.below(work.own_ms * MS / 4 + 1);
        let mut now = start.saturating_add(work.own_ms * MS + jitter);
        let mut code = work.fails;
        for call in work.calls.iter().take_while(|_| work.fails.is_none()) {
            let (end, failed) = self.call(work, span, call, now);
            now = end;
            if failed.is_some() {
                code = Some("HTTP_502");
                break;
            }
        }
        for (severity, said) in &work.says {
            self.log(work, span, now, *severity, said);
        }
        self.tell(work, (span, parent), EventKind::Server, work.operation.into(), (start, now), code);
        (now, code)
    }

    fn call(&mut self, from: &Work, parent: SpanId, to: &Work, start: Nanos) -> Ended {
        let span = self.id();
        let sent = start.saturating_add(MS / 5);
        let (end, code) = match to.reports {
            true => self.serve(to, Some(span), sent),
            false => {
                let took = to.own_ms * MS + self.rng.below(to.own_ms * MS / 4 + 1);
                (sent.saturating_add(took), to.fails)
            }
        };
        let end = end.saturating_add(MS / 5);
        let own = (span, Some(parent));
        let code = code.map(|code| if to.reports { "HTTP_500" } else { code });
        self.tell(from, own, EventKind::Client, format!("call {}", to.service).into(), (start, end), code);
        if let Some(event) = self.told.events.last_mut() {
            event.peer = to.service.into();
        }
        (end, code)
    }

    fn id(&mut self) -> SpanId {
        SpanId((self.rng.word() | 1).to_be_bytes())
    }

    fn tell(
        &mut self,
        work: &Work,
        (span, parent): (SpanId, Option<SpanId>),
        kind: EventKind,
        operation: Str,
        (start, end): (Nanos, Nanos),
        code: Option<&str>,
    ) {
        let failure =
            |code: &str| Failure { status: FailureStatus::Error, code: code.into(), reason: "".into() };
        self.told.events.push(Event {
            trace: self.trace,
            span,
            parent,
            kind,
            env: "demo".into(),
            service: work.service.into(),
            operation,
            version: work.version.clone(),
            instance: work.instance.clone(),
            peer: "".into(),
            start,
            end,
            outcome: code.map_or(Outcome::Ok, |code| Outcome::Failed(failure(code))),
            user: self.user,
            attributes: Vec::new(),
        });
    }

    fn log(&mut self, work: &Work, span: SpanId, at: Nanos, severity: LogSeverity, said: &str) {
        self.told.logs.push(LogRecord {
            env: "demo".into(),
            service: work.service.into(),
            version: work.version.clone(),
            instance: work.instance.clone(),
            at,
            severity,
            template: said.into(),
            pattern: said.into(),
            body: said.into(),
            exception: "".into(),
            trace: Some(self.trace),
            span: Some(span),
        });
    }
}
