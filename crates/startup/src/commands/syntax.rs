//! Tokens to the few forms of a shell in which people wait: sequences, loops, conditions. What does not parse is read as far
//! as it does.

use super::lexer::{Token, Word, tokens};
use super::numbers::counted;
use crate::limits::DEPTH_MAX;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Simple(Vec<Word>),
    Pipe(Vec<Node>),
    Not(Box<Node>),
    /// Until its condition holds, or while it does.
    Loop {
        is_until: bool,
        condition: List,
        body: List,
    },
    /// Over a list of values, so many if that can be read.
    For {
        times: Option<u64>,
        body: List,
    },
    If {
        condition: List,
        then: List,
        otherwise: List,
    },
    Group(List),
}

pub(super) type List = Vec<Step>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) joint: Joint,
    pub(super) node: Node,
}

/// When a step runs, by how the one before it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    Always,
    IfGood,
    IfBad,
}

pub(super) fn parse(script: &Word) -> List {
    let mut parser = Parser { tokens: tokens(script), next: 0, depth: 0 };
    let mut all = Vec::new();
    // A stray `done` or `)` ends a list; the rest is read all the same.
    while parser.next < parser.tokens.len() {
        all.extend(parser.list());
        parser.next += 1;
    }
    all
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

const CLOSERS: &[&str] = &["do", "done", "then", "elif", "else", "fi", "}"];

impl Parser {
    fn bare(&self) -> Option<&str> {
        match self.tokens.get(self.next)? {
            Token::Word(word) if word.is_bare => Some(&word.text),
            _ => None,
        }
    }

    fn skip(&mut self, word: &str) -> bool {
        let is_there = self.bare() == Some(word);
        self.next += usize::from(is_there);
        is_there
    }

    /// Up to a word that closes what is open.
    fn list(&mut self) -> List {
        let (mut steps, mut joint) = (Vec::new(), Joint::Always);
        while let Some(token) = self.tokens.get(self.next) {
            match token {
                Token::Next => joint = Joint::Always,
                Token::And => joint = Joint::IfGood,
                Token::Or => joint = Joint::IfBad,
                Token::Pipe => {}
                Token::Close => break,
                Token::Word(word) if word.is_bare && CLOSERS.contains(&word.text.as_str()) => break,
                Token::Open | Token::Word(_) => {
                    let node = self.pipeline();
                    steps.push(Step { joint, node });
                    continue;
                }
            }
            self.next += 1;
        }
        steps
    }

    fn pipeline(&mut self) -> Node {
        let mut parts = vec![self.command()];
        while self.tokens.get(self.next) == Some(&Token::Pipe) {
            self.next += 1;
            parts.push(self.command());
        }
        match parts.len() {
            1 => parts.remove(0),
            _ => Node::Pipe(parts),
        }
    }

    fn command(&mut self) -> Node {
        self.depth += 1;
        let node = match self.depth > DEPTH_MAX {
            true => self.simple(),
            false => self.compound(),
        };
        self.depth -= 1;
        node
    }

    fn compound(&mut self) -> Node {
        if self.tokens.get(self.next) == Some(&Token::Open) {
            self.next += 1;
            let list = self.list();
            self.next += usize::from(self.tokens.get(self.next) == Some(&Token::Close));
            return Node::Group(list);
        }
        let word = self.bare().unwrap_or_default().to_owned();
        let opens = matches!(word.as_str(), "!" | "{" | "until" | "while" | "for" | "if");
        self.next += usize::from(opens);
        match word.as_str() {
            "!" => Node::Not(Box::new(self.command())),
            "{" => {
                let list = self.list();
                self.skip("}");
                Node::Group(list)
            }
            "until" | "while" => {
                let condition = self.list();
                Node::Loop { is_until: word == "until", condition, body: self.body() }
            }
            "for" => {
                let times = self.times();
                Node::For { times, body: self.body() }
            }
            "if" => self.condition(),
            _ => self.simple(),
        }
    }

    fn body(&mut self) -> List {
        self.skip("do");
        let body = self.list();
        self.skip("done");
        body
    }

    /// `i in 1 2 3;`
    fn times(&mut self) -> Option<u64> {
        self.next += 1;
        self.skip("in");
        let mut words = Vec::new();
        while let Some(Token::Word(word)) = self.tokens.get(self.next) {
            words.push(word.text.as_str());
            self.next += 1;
        }
        let times = counted(&words);
        self.next += usize::from(self.tokens.get(self.next) == Some(&Token::Next));
        times
    }

    fn condition(&mut self) -> Node {
        let condition = self.list();
        self.skip("then");
        let then = self.list();
        let otherwise = if self.depth <= DEPTH_MAX && self.skip("elif") {
            self.depth += 1;
            let node = self.condition();
            self.depth -= 1;
            return Node::If { condition, then, otherwise: vec![Step { joint: Joint::Always, node }] };
        } else if self.skip("else") {
            self.list()
        } else {
            Vec::new()
        };
        self.skip("fi");
        Node::If { condition, then, otherwise }
    }

    fn simple(&mut self) -> Node {
        let mut words = Vec::new();
        while let Some(Token::Word(word)) = self.tokens.get(self.next) {
            words.push(word.clone());
            self.next += 1;
        }
        // Whatever stands here is passed, so that every call makes its way.
        if words.is_empty() {
            self.next += 1;
        }
        Node::Simple(words)
    }
}
