//! `run-now` and `orders`: tests ordered by a person, and what came of them.

use std::time::Duration;

use clap::Args;
use hearth_proto::{AgentId, HouseholdId, LinkName, OrderId, TestKind};

use super::exclude::{existing, text};
use super::households::instant;
use super::report::now;
use super::span::duration;
use super::{CliError, DataArgs, print, print_json, tell};
use crate::plans::{Limits, OrderEntry, OrderState};
use crate::render::{order_json, outcome};
use crate::store::asks::{Asks, NewOrder, Via};
use crate::store::sqlite::SqliteStore;

/// How often a waiting command looks for the result.
const LOOK: Duration = Duration::from_millis(500);

/// How many orders an hour are accepted.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct LimitArgs {
    /// Ordered tests an hour that are accepted for one household
    #[arg(long, env = "HEARTH_ORDERS_PER_HOUSEHOLD", value_name = "N", default_value_t = 6)]
    orders_per_household: u32,
    /// Ordered tests an hour that are accepted from one name
    #[arg(long, env = "HEARTH_ORDERS_PER_NAME", value_name = "N", default_value_t = 60)]
    orders_per_name: u32,
}

impl LimitArgs {
    pub(super) fn limits(self) -> Limits {
        Limits { household: self.orders_per_household, name: self.orders_per_name }
    }
}

#[derive(Debug, Args)]
pub(super) struct RunNowArgs {
    /// The household's id
    household: HouseholdId,
    /// responsiveness or capacity
    #[arg(long, value_parser = kind)]
    kind: TestKind,
    /// On which link [default: the one in use]
    #[arg(long)]
    link: Option<LinkName>,
    /// By which agent [default: the one that has the link]
    #[arg(long)]
    agent: Option<AgentId>,
    /// Who orders it: it is logged, and the agent is told
    #[arg(long, value_parser = text)]
    by: String,
    /// Not to be begun later than so much time from now: 10s to 1d
    #[arg(long, value_name = "TIME", value_parser = expiry, default_value = "10m")]
    expires: Duration,
    /// Wait for the result and print it; exit status 75 where the test was not run
    #[arg(long)]
    wait: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Debug, Args)]
pub(super) struct OrdersArgs {
    /// One household's [default: all]
    household: Option<HouseholdId>,
    /// At most so many, the latest
    #[arg(long, value_name = "N", default_value_t = 50)]
    most: usize,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

fn kind(text: &str) -> Result<TestKind, String> {
    let known = TestKind::ALL.into_iter().find(|k| k.name() == text);
    known.ok_or_else(|| format!("{text:?} is not accepted: responsiveness or capacity"))
}

fn expiry(text: &str) -> Result<Duration, String> {
    let length = duration(text)?;
    if (10..=86_400).contains(&length.as_secs()) {
        Ok(length)
    } else {
        Err(format!("{text:?} is not accepted: 10s to 1d"))
    }
}

pub(super) fn run(args: &RunNowArgs) -> Result<(), CliError> {
    let store = existing(&args.data)?;
    let at = now();
    let order = NewOrder {
        household: args.household.clone(),
        agent: args.agent.clone(),
        link: args.link.clone(),
        kind: args.kind,
        by: args.by.clone(),
        via: Via::Cli,
        at,
        expires: at.plus(args.expires.as_millis() as i64),
    };
    let id = store
        .enter_order(&order, &args.limits.limits())?
        .map_err(|refusal| CliError::Usage(refusal.to_string()))?;
    let entry = read(&store, id)?;
    if args.wait {
        tell(&format!("order {id} entered for {}: waiting for its result", entry.agent));
        return wait(&store, id, args.json);
    }
    if args.json {
        print_json(&order_json(&entry, now()))
    } else {
        print(&format!("order {id} entered for {}\n", entry.agent))
    }
}

fn read(store: &SqliteStore, id: OrderId) -> Result<OrderEntry, CliError> {
    let entry = store.order(id)?;
    entry.ok_or_else(|| CliError::Usage(format!("order {id} is not known")))
}

/// Until nothing more is to come: a result, or the order's expiry.
fn wait(store: &SqliteStore, id: OrderId, json: bool) -> Result<(), CliError> {
    let mut said = OrderState::Queued;
    loop {
        let entry = read(store, id)?;
        let state = entry.state(now());
        if state.is_final() {
            if json {
                print_json(&order_json(&entry, now()))?;
            } else {
                print(&format!("{}\n", outcome(&entry, state)))?;
            }
            let is_done = state == OrderState::Done;
            return if is_done { Ok(()) } else { Err(CliError::NotRun(state.name())) };
        }
        if state != said {
            said = state;
            tell(&format!("order {id}: {}", state.name()));
        }
        std::thread::sleep(LOOK);
    }
}

pub(super) fn orders(args: &OrdersArgs) -> Result<(), CliError> {
    let store = SqliteStore::open_read_only(&args.data.folder()?)?;
    let orders = store.orders(args.household.as_ref(), args.most)?;
    let now = now();
    if args.json {
        let all: Vec<_> = orders.iter().map(|o| order_json(o, now)).collect();
        return print_json(&all);
    }
    let line = |o: &OrderEntry| {
        let link = o.link.as_ref().map_or("link in use", LinkName::as_str);
        format!(
            "{}  {}  {}  {}  {link}  {}  by {} ({}): {}\n",
            o.id,
            instant(o.at),
            o.household,
            o.agent,
            o.kind,
            o.by,
            o.via.name(),
            outcome(o, o.state(now))
        )
    };
    print(&orders.iter().map(line).collect::<String>())
}
