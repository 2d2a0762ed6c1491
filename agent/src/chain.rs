//! Errors in a line.

/// An error with all its causes. Some libraries repeat their cause in their own words: what
/// has been said is not said again.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn each_cause_is_said_once() {
        let of = |text, source: Option<Layer>| Layer { text, source: source.map(Box::new) };
        let refused = of("connection refused", None);
        let repeats = of("tcp connect error: connection refused", Some(refused));
        let all = of("can't connect", Some(repeats));
        assert_eq!(chain(&all), "can't connect: tcp connect error: connection refused");
    }
}
