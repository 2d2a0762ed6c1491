//! What a statement says was left out agrees with what it lists.

use crate::history::{Exclusion, Span};
use crate::homes::Home;
use crate::scripted::{START, Script, ScriptLink, What};
use crate::statement::samples::Sample;
use crate::statement::seal::Sealed;

const HOUR: i64 = 3_600_000;

fn links() -> Vec<ScriptLink> {
    use hearth_proto::Technology;
    vec![
        ScriptLink::new("eth0", Technology::Fttp, 20),
        ScriptLink::new("wwan0", Technology::Lte, 45),
    ]
}

fn out(link: Option<&str>, hours: i64) -> Exclusion {
    Exclusion {
        link: link.map(str::to_owned),
        span: Span { from: START.plus(HOUR), to: START.plus((1 + hours) * HOUR) },
        by: "noc".to_owned(),
        why: "planned work".to_owned(),
    }
}

/// The time left out, and the list of what was, as page one has them.
fn said(exclusions: &[Exclusion], lang: &str) -> (String, String) {
    let mut script = Script::minutes(6 * 60, links());
    script.exclusions = exclusions.to_vec();
    let sample = Sample::new(script.history(), Home::default());
    let sheet = Sealed::plain(sample.statement.clone(), lang.parse().unwrap()).sheet();
    (sheet.time[2].1.clone(), sheet.left_out.lines.join("\n"))
}

#[test]
fn what_is_listed_as_left_out_is_never_none() {
    let fixed = out(Some("eth0"), 2);
    let all = out(None, 1);
    for (lang, cases) in [
        (
            "en",
            [
                (vec![], "none"),
                (vec![fixed.clone()], "2 h on Fibre eth0"),
                (vec![all.clone()], "1 h"),
                (vec![all.clone(), fixed.clone()], "1 h on all links and 2 h on Fibre eth0"),
            ],
        ),
        (
            "de",
            [
                (vec![], "nichts"),
                (vec![fixed.clone()], "2 Std. auf Glasfaser eth0"),
                (vec![all.clone()], "1 Std."),
                (vec![all, fixed], "1 Std. auf allen Zugängen und 2 Std. auf Glasfaser eth0"),
            ],
        ),
    ] {
        for (exclusions, time) in cases {
            let (said, list) = said(&exclusions, lang);
            assert_eq!(said, time, "{list}");
            assert_eq!(list.is_empty(), exclusions.is_empty());
        }
    }
}

#[test]
fn an_exclusion_of_a_link_nobody_saw_says_that_it_left_nothing_out() {
    for (lang, none, nothing) in
        [("en", "none", "nothing was left out"), ("de", "nichts", "Nichts blieb ungezählt")]
    {
        let (time, list) = said(&[out(Some("eth9"), 2)], lang);
        assert_eq!(time, none);
        assert!(list.contains("eth9") && list.contains(nothing), "{list}");
    }
}

#[test]
fn a_target_set_aside_is_said_not_to_count_against_the_links() {
    let mut links = links();
    let fixed = links.remove(0).trouble(HOUR, 2 * HOUR, What::ReflectorLoss(0.4));
    links.insert(0, fixed);
    let sample = Sample::new(Script::minutes(6 * 60, links).history(), Home::default());
    for (lang, words) in [
        ("en", "For 1 h one point that we test to was bad while others did well"),
        ("de", "war einer der Punkte schlecht, zu denen wir messen, andere aber gut"),
    ] {
        let sheet = Sealed::plain(sample.statement.clone(), lang.parse().unwrap()).sheet();
        let lines = sheet.not_shown.lines.join("\n");
        assert!(lines.contains(words), "{lines}");
        assert!(
            sheet.rows.iter().all(|row| !format!("{row:?}").contains("eth0")),
            "{:?}",
            sheet.rows
        );
    }
}
