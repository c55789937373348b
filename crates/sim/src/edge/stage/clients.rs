//! Clients that come, subscribe and leave, and what each of them is told. It must never hold an opinion on that; the client does.

use std::sync::Arc;

use devnet::node::LogFilter;
use edge::core::filter::Filter;
use edge::core::pool::{Input, Item};
use edge::core::streams::{StreamId, Topic};
use edge::core::{Millis, SessionId};

use super::super::client::{Client, Seen};
use super::Stage;

impl Stage {
    pub(super) fn client_comes(&mut self) {
        self.sessions += 1;
        self.client_subscribes(SessionId(self.sessions));
    }

    /// What it is told of the old subscriptions after that is wrong, and the new ones begin anew.
    pub(super) fn client_subscribes_anew(&mut self) {
        let Some((session, client)) = self.clients.pop_first() else { return };
        for subscription in [client.heads, client.logs].into_iter().flatten() {
            self.say(Input::Unsubscribe { session, ticket: 2, subscription });
        }
        self.client_subscribes(session);
    }

    fn client_subscribes(&mut self, session: SessionId) {
        let contracts = devnet::chain::contracts(self.net.network.chain().origin().seed);
        let address = contracts[self.rng.below(contracts.len() as u64) as usize];
        let events = devnet::chain::events();
        let topic = events[self.rng.below(events.len() as u64) as usize];
        let (filter, text) = match self.rng.below(4) {
            0 => (LogFilter::default(), "{}".to_owned()),
            1 => {
                let text = format!("{{\"topics\":[[\"{topic}\"]]}}");
                (LogFilter { addresses: Vec::new(), topics: vec![vec![topic]] }, text)
            }
            _ => {
                let filter = LogFilter { addresses: vec![address], topics: Vec::new() };
                (filter, format!("{{\"address\":\"{address}\"}}"))
            }
        };
        self.clients.insert(session, Client::new(filter));
        self.say(Input::Subscribe { session, ticket: 0, topic: Topic::Heads, until: Millis(u64::MAX) });
        match Filter::parse(Some(text.as_bytes())) {
            Ok(filter) => self.say(Input::Subscribe {
                session,
                ticket: 1,
                topic: Topic::Logs(filter),
                until: Millis(u64::MAX),
            }),
            Err(error) => self.wrong = Some(error),
        }
    }

    pub(super) fn deliver(&mut self, stream: StreamId, item: &Item, announced: u64) {
        if !Arc::ptr_eq(&self.published, self.pool.view()) {
            self.wrong.get_or_insert("a client is told what calls do not know yet".to_owned());
        }
        let receivers: Vec<_> = self.pool.receivers(stream, announced).copied().collect();
        for member in receivers {
            let Some(client) = self.clients.get_mut(&member.session) else { continue };
            let told = match item {
                _ if client.ended => Err("is told something after the end".to_owned()),
                Item::Head(_) if client.heads != Some(member.subscription) => {
                    Err("gets what it did not ask for".to_owned())
                }
                Item::Head(block) => {
                    self.tally.heads += 1;
                    let seen = Seen { hash: block.hash, parent: block.parent, number: block.number };
                    client.head(seen, self.net.network.chain())
                }
                Item::Log(raw) => client.log(raw).map(|retracted| {
                    self.tally.retracted += u64::from(retracted);
                    self.tally.logs += u64::from(!retracted);
                }),
                Item::Raw(_) => Ok(()),
            };
            if let Err(what) = told {
                self.wrong.get_or_insert(format!("client {}: {what}", member.session.0));
            }
        }
    }
}
