//! From the store to the desk: what this or another process has entered.

use std::sync::Arc;
use std::time::Duration;

use hearth_proto::{OrderId, UnixMs};
use tokio::time::MissedTickBehavior;
use tracing::{error, info};

use super::Desk;
use crate::serve::Shutdown;
use crate::store::asks::Mark;
use crate::store::{Store, StoreError};

/// How often the store is asked for news: two look-ups in an index.
const EVERY: Duration = Duration::from_millis(500);

/// Brings what came after `mark` to the desk; gives how far it has come.
fn news(store: &dyn Store, desk: &Desk, mark: Mark, now: UnixMs) -> Result<Mark, StoreError> {
    let mut mark = mark;
    let there = store.asked()?;
    if there.plan > mark.plan {
        let changes = store.plans_after(mark.plan)?;
        if let Some(last) = changes.last() {
            mark.plan = last.version;
        }
        desk.plans(changes);
    }
    if there.order > mark.order {
        // One entered in between is seen again, and known.
        desk.orders(store.open_orders(OrderId(mark.order), now)?);
        mark.order = there.order;
    }
    desk.expire(now);
    Ok(mark)
}

/// Keeps the desk up to date until `shutdown`.
pub(crate) async fn keep(
    store: Arc<dyn Store>,
    desk: Arc<Desk>,
    now: fn() -> UnixMs,
    shutdown: Shutdown,
) {
    let mut mark = Mark::default();
    let mut failing = false;
    let mut tick = tokio::time::interval(EVERY);
    // After a slow disk the next look is as far away as ever.
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = shutdown.begun() => return,
        }
        let (store, of) = (store.clone(), desk.clone());
        let found = tokio::task::spawn_blocking(move || news(&*store, &of, mark, now())).await;
        match found {
            Ok(Ok(found)) => {
                if found > mark {
                    info!(plan = found.plan, order = found.order, "plans and orders taken up");
                }
                (mark, failing) = (found, false);
            }
            // Said once, not twice a second.
            Ok(Err(e)) if !failing => {
                failing = true;
                error!(error = crate::error_chain(&e), "plans and orders can't be read");
            }
            Ok(Err(_)) => {}
            Err(e) => error!(error = %e, "plans and orders can't be read"),
        }
    }
}
