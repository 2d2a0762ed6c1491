//! Trials on the lab's links, as a test program.

use libtest_mimic::{Arguments, Failed, Trial};

/// What a trial does.
pub(crate) type Run = fn() -> anyhow::Result<()>;

/// Runs the trials that the command line names, so many at a time unless it says otherwise
/// (one, where they move much traffic), and ends the process. With a reason to skip them
/// all are ignored, and it is said.
pub(crate) fn run(skipped: Option<&str>, at_once: usize, trials: &[(&str, Run)]) -> ! {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(at_once);
    if let Some(reason) = skipped {
        eprintln!("skipped: {reason}");
    }
    let trial = |(name, run): &(&str, Run)| {
        let run = *run;
        Trial::test(*name, move || run().map_err(|error| Failed::from(format!("{error:#}"))))
            .with_ignored_flag(skipped.is_some())
    };
    libtest_mimic::run(&arguments, trials.iter().map(trial).collect()).exit()
}
