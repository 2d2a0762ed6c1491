//! A person's plan: a TOML file with the contract's own fields.

use std::path::{Path, PathBuf};

use hearth_proto::Plan;

/// Why a file is no plan.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It can't be read.
    #[error("plan {path} can't be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no TOML, or has a key that is not known or a value of a wrong kind.
    #[error("plan {path}: {why}")]
    Form {
        /// Which.
        path: PathBuf,
        /// Where and why.
        why: String,
    },
    /// A value is out of range.
    #[error("plan {path} is not accepted")]
    Value {
        /// Which.
        path: PathBuf,
        /// The field, the value and what is accepted.
        source: hearth_proto::convert::RecordError,
    },
}

/// The plan in a file.
pub fn read(path: &Path) -> Result<Plan, FileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    parse(&text, path)
}

fn parse(text: &str, path: &Path) -> Result<Plan, FileError> {
    let form = |why: String| FileError::Form { path: path.to_owned(), why };
    let plan: Plan = toml::from_str(text).map_err(|e| form(e.to_string().trim_end().to_owned()))?;
    if plan.version != 0 {
        return Err(form(format!(
            "version {} is not accepted: leave it out, it rises by itself",
            plan.version
        )));
    }
    let value = |source| FileError::Value { path: path.to_owned(), source };
    plan.check().map_err(value)?;
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let error = parse(text, Path::new("plan.toml")).unwrap_err();
        format!("{:#}", anyhow::Error::from(error))
    }

    #[test]
    fn a_plan_says_what_it_says_and_leaves_the_rest_to_the_agent() {
        let text = "[all]\ninterval_ms = 2000\n\n[[link]]\nlink = \"lte\"\n\
                    measures = { no_tests = true, budget_bytes_per_month = 200_000_000 }\n";
        let plan = parse(text, Path::new("plan.toml")).unwrap();
        assert_eq!(plan.all.interval_ms, Some(2000));
        assert_eq!(plan.all.slow_interval_ms, None);
        let lte = plan.of(&"lte".parse().unwrap());
        assert!(lte.no_tests && lte.interval_ms.is_none());
        assert_eq!(parse("", Path::new("x")).unwrap(), Plan::default());
    }

    #[test]
    fn what_is_not_accepted_is_named_with_what_is() {
        let out = said("[all]\ninterval_ms = 50");
        assert!(out.contains("all.interval_ms 50") && out.contains("100 to 600000"), "{out}");
        assert_eq!(out.matches("interval_ms").count(), 1, "said twice: {out}");
        let unknown = said("[all]\nintervall_ms = 2000");
        assert!(unknown.contains("intervall_ms") && unknown.contains("`interval_ms`"), "{unknown}");
        let kind = said("[all]\nno_tests = \"yes\"");
        assert!(kind.contains("line 2") && kind.contains("boolean"), "{kind}");
        let twice = said("[[link]]\nlink = \"a\"\n[[link]]\nlink = \"a\"");
        assert!(twice.contains("link[1]") && twice.contains("each link once"), "{twice}");
        let odd = said("[[link]]\nlink = \"a\"\nmeasures = { capacity_every_s = 1 }");
        assert!(odd.contains("link[0].measures.capacity_every_s 1"), "{odd}");
        assert!(said("version = 7").contains("rises by itself"));
    }
}
