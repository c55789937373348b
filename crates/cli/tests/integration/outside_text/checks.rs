//! What must hold of each form of a surface, judged by parsers where a reader's program would use one.

use engine::render;
use html5gum::{Token, Tokenizer};
use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Whole, and nothing but JSON.
    Json,
    Markdown,
    Html,
    /// A message for Slack.
    Slack,
    /// A note for people, without markup.
    Note,
    /// Whatever a terminal shows.
    Terminal,
    TerminalJson,
    /// A line of JSON for each event.
    Log,
    /// What another program is told: JSON, whose rendered parts are inert.
    Message,
}

pub(super) fn check(form: Form, text: &str, place: &str) {
    match form {
        Form::Json => drop(json(text, place)),
        Form::Markdown => markdown(text, place),
        Form::Html => html(text, place),
        Form::Slack => slack(&json(text, place), place),
        Form::Note => {
            inert(text, place);
            assert!(!text.contains("://"), "{place}: {text}");
        }
        Form::Terminal => inert(text, place),
        Form::TerminalJson => {
            inert(text, place);
            json(text, place);
        }
        Form::Log => {
            inert(text, place);
            text.lines().for_each(|line| drop(json(line, place)));
        }
        Form::Message => message(&json(text, place), place),
    }
}

fn json(text: &str, place: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{place}: {error}: {text}"))
}

/// Nothing that a terminal, or the eye, would take for anything but what it is. Line ends are ours.
fn inert(text: &str, place: &str) {
    let acting = text.char_indices().find(|(_, c)| *c != '\n' && render::inert::acts(*c));
    if let Some((at, c)) = acting {
        let from = text[..at].char_indices().rev().nth(60).map_or(0, |(from, _)| from);
        panic!("{place}: {c:?} after {:?}", &text[from..at]);
    }
}

fn markdown(text: &str, place: &str) {
    inert(text, place);
    let options = Options::all() - Options::ENABLE_SMART_PUNCTUATION;
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Start(
                tag @ (Tag::Link { .. } | Tag::Image { .. } | Tag::HtmlBlock | Tag::CodeBlock(_)),
            ) => {
                panic!("{place}: {tag:?} in {text}")
            }
            Event::Html(html) | Event::InlineHtml(html) => panic!("{place}: {html} in {text}"),
            _ => {}
        }
    }
}

fn html(page: &str, place: &str) {
    inert(page, place);
    for token in Tokenizer::new(page) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let name = String::from_utf8(tag.name.to_vec()).unwrap();
                let acts = ["script", "img", "iframe", "link", "form", "object", "embed", "base"];
                assert!(!acts.contains(&name.as_str()), "{place}: <{name}> in {page}");
                for (attribute, value) in &tag.attributes {
                    let attribute = String::from_utf8(attribute.to_vec()).unwrap();
                    // Citations lead to their place on the same page.
                    let leads_away =
                        ["href", "src"].contains(&attribute.as_str()) && !value.starts_with(b"#");
                    assert!(!attribute.starts_with("on") && !leads_away, "{place}: {attribute} in {page}");
                }
            }
            Token::Comment(comment) => panic!("{place}: a comment {comment:?}"),
            Token::Error(error) => panic!("{place}: {error:?} in {page}"),
            Token::String(_) | Token::EndTag(_) | Token::Doctype(_) => {}
        }
    }
}

/// No control sequence is left in any text of a message.
fn slack(value: &Value, place: &str) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(text)) = members.get("text") {
                inert(text, place);
                assert!(!text.contains(['<', '>']), "{place}: {text}");
                let rest = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
                assert!(!rest.contains('&') && !text.contains("@here"), "{place}: {text}");
            }
            members.values().for_each(|part| slack(part, place));
        }
        Value::Array(parts) => parts.iter().for_each(|part| slack(part, place)),
        _ => {}
    }
}

fn message(value: &Value, place: &str) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("markdown", Value::String(text)) => markdown(text, place),
                    ("html", Value::String(text)) => html(text, place),
                    _ => message(value, place),
                }
            }
        }
        Value::Array(parts) => parts.iter().for_each(|part| message(part, place)),
        _ => {}
    }
}
