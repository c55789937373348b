//! YAML as a tree of nodes with their lines, bounded in depth, without aliases: they are a way to fill the memory. It knows
//! no key.

use saphyr_parser::{Event, Parser, Span};

const DEEP_MAX: usize = 64;

/// A value, and the line at which it begins, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) line: usize,
    value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => {
                entries.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    pub(super) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }
}

/// What is not closed yet: a list, or a map with a key that waits for its value.
struct Open {
    line: usize,
    is_map: bool,
    nodes: Vec<Node>,
}

/// All documents of a text, or the line at which it ceases to be YAML.
pub(super) fn read(text: &str) -> Result<Vec<Node>, (usize, String)> {
    let mut documents = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| (error.marker().line(), error.info().to_owned()))?;
        let line = line(span);
        let done = match event {
            Event::Scalar(text, ..) => Some(Node { line, value: Value::Scalar(text.into_owned()) }),
            Event::Alias(_) => return Err((line, "an alias, which is not read".to_owned())),
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if open.len() == DEEP_MAX {
                    return Err((line, format!("more than {DEEP_MAX} values within each other")));
                }
                let is_map = matches!(event, Event::MappingStart(..));
                open.push(Open { line, is_map, nodes: Vec::new() });
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(closed),
            _ => None,
        };
        match (done, open.last_mut()) {
            (Some(node), Some(outer)) => outer.nodes.push(node),
            (Some(node), None) => documents.push(node),
            (None, _) => {}
        }
    }
    Ok(documents)
}

fn closed(open: Open) -> Node {
    let Open { line, is_map, nodes } = open;
    let value = if is_map {
        let mut entries = Vec::new();
        let mut nodes = nodes.into_iter();
        while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
            entries.push((key, value));
        }
        Value::Map(entries)
    } else {
        Value::List(nodes)
    };
    Node { line, value }
}

fn line(span: Span) -> usize {
    span.start.line()
}
