//! A strict reader of the HTML that the templates make: every element closed in
//! order, every attribute quoted, ids unique, references resolved, nothing
//! loaded from elsewhere, no script and no inline style.

use std::collections::HashSet;

const VOID: [&str; 5] = ["meta", "link", "input", "br", "hr"];

/// Panics with the reason when `html` is not as it should be. `alone`: a file
/// that stands alone and brings its style along.
pub(crate) fn check(html: &str, alone: bool) {
    let mut rest = html.strip_prefix("<!doctype html>").expect("doctype");
    let mut open: Vec<&str> = Vec::new();
    let mut ids = HashSet::new();
    let mut references = Vec::new();
    let mut headings = Vec::new();
    while let Some(at) = rest.find('<') {
        text(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(tail) = rest.strip_prefix('/') {
            let (name, tail) = tail.split_once('>').expect("end tag");
            assert_eq!(open.pop(), Some(name), "end tag in order");
            rest = tail;
            continue;
        }
        let (tag, tail) = tag(rest);
        rest = tail;
        let attributes = attributes(tag.attributes);
        let get = |name: &str| attributes.iter().find(|a| a.0 == name).map(|a| a.1);
        assert!(tag.name != "script", "no script");
        for &(name, value) in &attributes {
            assert!(!name.starts_with("on") && name != "style", "{name}={value:?}");
            match name {
                "id" => assert!(ids.insert(value), "id {value:?} twice"),
                "for" | "aria-labelledby" => references.push(value),
                "href" | "src" | "action" | "formaction" => {
                    assert!(value.starts_with(['/', '#']) && !value.starts_with("//"), "{value}");
                }
                _ => {}
            }
        }
        match tag.name {
            "html" => assert_eq!(get("lang"), Some("en")),
            "style" => {
                assert!(alone, "no inline style");
                let (style, tail) = rest.split_once("</style>").expect("style ends");
                assert!(!style.contains("url("), "nothing loaded");
                rest = tail;
                continue;
            }
            "h1" | "h2" | "h3" => headings.push(tag.name),
            "svg" => assert!(
                get("aria-hidden") == Some("true")
                    || (get("role") == Some("img") && get("aria-label").is_some()),
                "a drawing is named or hidden"
            ),
            _ => {}
        }
        if !VOID.contains(&tag.name) && !tag.closed {
            open.push(tag.name);
        }
    }
    text(rest);
    assert!(open.is_empty(), "left open: {open:?}");
    for reference in references {
        assert!(ids.contains(reference), "nothing has id {reference:?}");
    }
    assert_eq!(headings.iter().filter(|h| **h == "h1").count(), 1, "one h1: {headings:?}");
    assert!(html.contains("<main"), "a main landmark");
}

struct Tag<'a> {
    name: &'a str,
    attributes: &'a str,
    closed: bool,
}

/// The start tag that `rest` begins with, and what follows it.
fn tag(rest: &str) -> (Tag<'_>, &str) {
    let mut quoted = false;
    let end = rest.find(|c| {
        quoted ^= c == '"';
        c == '>' && !quoted
    });
    let (inner, tail) = (&rest[..end.expect("tag ends")], &rest[end.unwrap() + 1..]);
    let closed = inner.ends_with('/');
    let inner = inner.trim_end_matches('/');
    let (name, attributes) = inner.split_once([' ', '\n']).unwrap_or((inner, ""));
    assert!(!name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric()), "tag {name:?}");
    (Tag { name, attributes, closed }, tail)
}

fn attributes(mut rest: &str) -> Vec<(&str, &str)> {
    let mut all = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return all;
        }
        let end = rest.find(['=', ' ']).unwrap_or(rest.len());
        let name = &rest[..end];
        rest = &rest[end..];
        let Some(value) = rest.strip_prefix("=\"") else {
            all.push((name, ""));
            continue;
        };
        let (value, tail) = value.split_once('"').expect("attribute ends");
        assert!(!value.contains('<'), "escaped: {value:?}");
        text(value);
        all.push((name, value));
        rest = tail;
    }
}

/// Every ampersand begins a character reference.
fn text(text: &str) {
    for part in text.split('&').skip(1) {
        let (name, _) = part.split_once(';').expect("reference ends");
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#'), "&{name};");
    }
    assert!(!text.contains('>'), "escaped: {text:?}");
}

#[test]
fn the_reader_finds_what_is_wrong() {
    let page = |body: &str| {
        format!(
            "<!doctype html><html lang=\"en\"><body><main><h1>A</h1>{body}</main></body></html>"
        )
    };
    check(&page("<p id=\"a\">1 &lt; 2</p>"), false);
    for wrong in [
        "<p>open",
        "<b><i></b></i>",
        "a & b",
        "<p style=\"color: red\"></p>",
        "<p onclick=\"x\"></p>",
        "<script></script>",
        "<style></style>",
        "<a href=\"https://elsewhere.example/\">x</a>",
        "<p id=\"a\"></p><p id=\"a\"></p>",
        "<label for=\"none\">x</label>",
        "<h1>B</h1>",
        "<svg></svg>",
    ] {
        let page = page(wrong);
        assert!(std::panic::catch_unwind(|| check(&page, false)).is_err(), "{wrong}");
    }
}
