//! What a check says. Pure.

use std::fmt;

use hearth_proto::LinkName;
use serde::Serialize;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Measuring goes on with less, or will soon be in trouble.
    Warning,
    /// Something that is wanted can't be measured or reported.
    Problem,
    /// Not wanted here.
    NotApplicable,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "warning",
            Self::Problem => "PROBLEM",
            Self::NotApplicable => "-",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// On which link; `None`: on the whole machine.
    pub link: Option<LinkName>,
    /// How it stands.
    pub level: Level,
    /// Why, in one line.
    pub why: String,
    /// What would help, in one line; empty where nothing has to be done.
    pub remedy: String,
}

impl Finding {
    /// As it should be.
    pub fn ok(check: &'static str, link: Option<&LinkName>, why: impl Into<String>) -> Self {
        Self::new(Level::Ok, check, link, why, "")
    }

    /// Something to look after.
    pub fn warning(
        check: &'static str,
        link: Option<&LinkName>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Level::Warning, check, link, why, remedy)
    }

    /// Something to mend.
    pub fn problem(
        check: &'static str,
        link: Option<&LinkName>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Level::Problem, check, link, why, remedy)
    }

    /// Nothing to look at.
    pub fn not_applicable(
        check: &'static str,
        link: Option<&LinkName>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Level::NotApplicable, check, link, why, remedy)
    }

    fn new(
        level: Level,
        check: &'static str,
        link: Option<&LinkName>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        // What an error says may have lines of its own.
        let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (why, remedy) = (one_line(why.into()), one_line(remedy.into()));
        Self { check, link: link.cloned(), level, why, remedy }
    }
}

/// All findings.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// In the order of the checks.
    pub findings: Vec<Finding>,
    /// Whether the configuration is not accepted.
    pub bad_configuration: bool,
}

impl Report {
    /// Whether anything is a problem.
    pub fn has_problem(&self) -> bool {
        self.findings.iter().any(|finding| finding.level == Level::Problem)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let what = match &finding.link {
                Some(link) => format!("{} by {link}", finding.check),
                None => finding.check.to_owned(),
            };
            writeln!(f, "{:<8} {what}: {}", finding.level.word(), finding.why)?;
            if !finding.remedy.is_empty() {
                writeln!(f, "         → {}", finding.remedy)?;
            }
        }
        let count = |level| self.findings.iter().filter(|f| f.level == level).count();
        let (problems, warnings) = (count(Level::Problem), count(Level::Warning));
        writeln!(f)?;
        match (problems, warnings) {
            (0, 0) => writeln!(f, "Nothing to mend."),
            (0, n) => writeln!(f, "No problem, {n} to look after."),
            (n, m) => writeln!(f, "To mend: {n}; to look after: {m}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_a_line_and_its_remedy_another() {
        let link: LinkName = "fibre".parse().unwrap();
        let report = Report {
            findings: vec![
                Finding::ok("clock", None, "synchronised"),
                Finding::problem("reflector", Some(&link), "no\nanswer", "open UDP 862"),
                Finding::not_applicable("collector", None, "not configured", ""),
            ],
            bad_configuration: false,
        };
        assert_eq!(
            report.to_string(),
            "OK       clock: synchronised\n\
             PROBLEM  reflector by fibre: no answer\n\
             \x20        → open UDP 862\n\
             -        collector: not configured\n\
             \n\
             To mend: 1; to look after: 0.\n"
        );
        assert!(report.has_problem());
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["findings"][1]["level"], "problem");
        assert_eq!(json["findings"][1]["link"], "fibre");
    }
}
