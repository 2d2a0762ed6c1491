//! Work over many homes, on as many threads as there are cores.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

use hearth_proto::HouseholdId;

/// Gives each home once to the part of some thread, and all parts back, in no order:
/// what is made of them may not depend on who did which. The first error ends the work
/// of all.
///
/// # Panics
/// Where a thread does: it has taken its homes with it.
pub(crate) fn over_homes<P: Send, E: Send>(
    homes: &[HouseholdId],
    begin: impl Fn() -> P + Sync,
    each: impl Fn(&mut P, &HouseholdId) -> Result<(), E> + Sync,
) -> Result<Vec<P>, E> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut part = begin();
        while let Some(home) = homes.get(next.fetch_add(1, Ordering::Relaxed)) {
            each(&mut part, home).inspect_err(|_| {
                // The other threads find nothing left to do.
                next.store(homes.len(), Ordering::Relaxed);
            })?;
        }
        Ok(part)
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        let threads = 0..threads.min(homes.len().max(1));
        let running: Vec<_> = threads.map(|_| scope.spawn(work)).collect();
        let parts = running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        parts.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn homes(n: usize) -> Vec<HouseholdId> {
        (0..n).map(|i| format!("home-{i:03}").parse().unwrap()).collect()
    }

    #[test]
    fn each_home_comes_once() {
        for n in [0, 1, 100] {
            let homes = homes(n);
            let parts: Result<Vec<Vec<HouseholdId>>, ()> =
                over_homes(&homes, Vec::new, |part, home| {
                    part.push(home.clone());
                    Ok(())
                });
            let mut seen: Vec<_> = parts.unwrap().into_iter().flatten().collect();
            seen.sort();
            assert_eq!(seen, homes);
        }
    }

    #[test]
    fn an_error_comes_back() {
        let homes = homes(100);
        let failed = over_homes(
            &homes,
            || (),
            |(), home| {
                if home.as_str() == "home-007" { Err(home.clone()) } else { Ok(()) }
            },
        );
        assert_eq!(failed, Err(homes[7].clone()));
    }
}
