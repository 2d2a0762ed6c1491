//! The statement's words, by language: one Fluent file each in `messages/`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

/// Every language there is: its tag and its words. The first one stands in for what
/// another lacks, which a test forbids.
const FILES: [(&str, &str); 2] =
    [("en", include_str!("../../messages/en.ftl")), ("de", include_str!("../../messages/de.ftl"))];

/// A language that a statement can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lang(usize);

impl Lang {
    /// English.
    pub const EN: Self = Self(0);

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..FILES.len()).map(Self)
    }

    /// Its tag (BCP 47).
    pub fn tag(self) -> &'static str {
        FILES[self.0].0
    }

    /// Its file's text.
    pub fn source(self) -> &'static str {
        FILES[self.0].1
    }

    pub(crate) fn messages(self) -> &'static Messages {
        static ALL: OnceLock<Vec<Messages>> = OnceLock::new();
        &ALL.get_or_init(|| Self::all().map(Messages::read).collect())[self.0]
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// A language that there is no file for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("language {given:?} is not accepted: {accepted}")]
pub struct LangError {
    given: String,
    accepted: String,
}

impl FromStr for Lang {
    type Err = LangError;
    fn from_str(s: &str) -> Result<Self, LangError> {
        Self::all().find(|l| l.tag() == s).ok_or_else(|| {
            let tags: Vec<&str> = Self::all().map(Self::tag).collect();
            LangError { given: s.to_owned(), accepted: tags.join(" or ") }
        })
    }
}

/// A message's variable: a text, or a number to choose a plural by.
#[derive(Debug, Clone)]
pub(crate) enum Arg<'a> {
    Text(Cow<'a, str>),
    Number(u64),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text.as_str().into())
    }
}

impl From<String> for Arg<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<u64> for Arg<'_> {
    fn from(n: u64) -> Self {
        Self::Number(n)
    }
}

impl From<usize> for Arg<'_> {
    fn from(n: usize) -> Self {
        Self::Number(n as u64)
    }
}

/// One language's words.
pub(crate) struct Messages {
    bundle: FluentBundle<FluentResource>,
}

impl Messages {
    fn read(lang: Lang) -> Self {
        let tag: LanguageIdentifier = lang.tag().parse().expect("a test holds the tags");
        let mut bundle = FluentBundle::new_concurrent(vec![tag]);
        // Marks of direction would be letters of their own in a file that is signed.
        bundle.set_use_isolating(false);
        let resource = FluentResource::try_new(lang.source().to_owned());
        bundle
            .add_resource(resource.map_err(|(_, e)| e).expect("a test holds the files"))
            .expect("a test holds that no message is there twice");
        Self { bundle }
    }

    /// Whether there is such a message.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.bundle.has_message(id)
    }

    /// The message with its variables put in.
    pub(crate) fn say(&self, id: &str, args: &[(&str, Arg<'_>)]) -> String {
        self.pattern(id, None, args)
    }

    /// An attribute of a message, which has no variables.
    pub(crate) fn attribute(&self, id: &str, attribute: &str) -> String {
        self.pattern(id, Some(attribute), &[])
    }

    fn pattern(&self, id: &str, attribute: Option<&str>, args: &[(&str, Arg<'_>)]) -> String {
        let message = self.bundle.get_message(id);
        let pattern = match attribute {
            None => message.as_ref().and_then(fluent_bundle::FluentMessage::value),
            Some(name) => message.as_ref().and_then(|m| m.get_attribute(name)).map(|a| a.value()),
        };
        let Some(pattern) = pattern else {
            debug_assert!(false, "no message {id:?} {attribute:?}");
            return id.to_owned();
        };
        let mut given = FluentArgs::with_capacity(args.len());
        for (name, value) in args {
            let value = match value {
                Arg::Text(text) => FluentValue::from(text.as_ref()),
                Arg::Number(n) => FluentValue::from(*n),
            };
            given.set(*name, value);
        }
        let mut errors = Vec::new();
        let said = self.bundle.format_pattern(pattern, Some(&given), &mut errors);
        debug_assert!(errors.is_empty(), "message {id:?}: {errors:?}");
        said.into_owned()
    }
}
