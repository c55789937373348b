//! What the one who watches sees: lines, and in a terminal one live line below them.

use std::io::{self, IsTerminal as _, Write};
use std::time::{Duration, Instant};

/// How often a live line becomes a plain line where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

pub struct Screen {
    out: Box<dyn Write + Send>,
    terminal: bool,
    started: Instant,
    live: bool,
    plain_at: Option<Instant>,
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen").field("terminal", &self.terminal).finish_non_exhaustive()
    }
}

impl Screen {
    /// Standard output.
    pub fn standard() -> Self {
        Self::new(Box::new(io::stdout()), io::stdout().is_terminal())
    }

    pub fn new(out: Box<dyn Write + Send>, terminal: bool) -> Self {
        Self { out, terminal, started: Instant::now(), live: false, plain_at: None }
    }

    /// A line of progress, with the time since the start.
    pub(crate) fn progress(&mut self, text: &str) -> io::Result<()> {
        self.clear()?;
        self.plain_at = None;
        writeln!(self.out, "{}  {text}", self.clock())?;
        self.out.flush()
    }

    /// Where things stand: replaces the last such line in a terminal, else appears now and then.
    pub(crate) fn live(&mut self, text: &str) -> io::Result<()> {
        if self.terminal {
            write!(self.out, "\r\x1b[2K{}  {text}", self.clock())?;
            self.live = true;
        } else {
            let now = Instant::now();
            let since = *self.plain_at.get_or_insert(now);
            if now.duration_since(since) < PLAIN_EVERY {
                return Ok(());
            }
            self.plain_at = Some(now);
            writeln!(self.out, "{}  {text}", self.clock())?;
        }
        self.out.flush()
    }

    /// Text as it is.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.clear()?;
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    fn clear(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.live) { write!(self.out, "\r\x1b[2K") } else { Ok(()) }
    }

    fn clock(&self) -> String {
        format!("{:6.1} s", self.started.elapsed().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn shown(terminal: bool) -> String {
        let page = Page::default();
        let mut screen = Screen::new(Box::new(page.clone()), terminal);
        screen.progress("starting").unwrap();
        screen.live("1 request").unwrap();
        screen.live("2 requests").unwrap();
        screen.text("done").unwrap();
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_pipe_sees_no_control_characters_and_no_flicker() {
        let text = shown(false);
        assert!(!text.contains('\x1b') && !text.contains('\r'), "{text:?}");
        assert_eq!(text.lines().count(), 2, "{text:?}");
    }

    #[test]
    fn a_terminal_sees_one_live_line_that_is_gone_before_the_next_text() {
        let text = shown(true);
        assert!(text.contains("2 requests\r\x1b[2Kdone\n"), "{text:?}");
    }
}
