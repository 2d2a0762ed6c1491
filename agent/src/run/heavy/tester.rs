//! What runs a test: the probes themselves, or a script in their place.

use std::future::Future;
use std::pin::Pin;

use hearth_proto::TestKind;

use crate::probe::heavy::{Ended, Means, TestError};
use crate::probe::responsiveness;

/// A test on its way.
pub type Running<'a> = Pin<Box<dyn Future<Output = Ended> + Send + 'a>>;

/// Runs tests.
pub trait Tester: Send + Sync {
    /// Runs one of `kind`. It counts what it uses into [`Means::spending`] while it
    /// runs, and ends within some tenths of a second once [`Means::give_way`] is true.
    fn run<'a>(&'a self, kind: TestKind, means: &'a Means) -> Running<'a>;
}

/// The agent's own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Probes;

impl Tester for Probes {
    fn run<'a>(&'a self, kind: TestKind, means: &'a Means) -> Running<'a> {
        Box::pin(async move {
            let mut watch = |step| tracing::trace!(?step, "test");
            match kind {
                TestKind::Responsiveness => responsiveness::measure(means, &mut watch).await,
                TestKind::Capacity => Ended {
                    family: None,
                    cost: hearth_proto::Own::default(),
                    result: Err(TestError::Failed {
                        cause: hearth_proto::Cause::Local,
                        why: "this program has no capacity test".to_owned(),
                    }),
                },
            }
        })
    }
}
