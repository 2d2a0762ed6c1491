//! Enumerations, each pair written once.

use super::RecordError;
use crate::event::{Detail, Purpose, Vantage};
use crate::link::Technology;
use crate::sample::{Cause, Family, ProbeKind, Role};
use crate::slot::DownCause;
use crate::trial::{Confidence, SkipReason, TestKind};
use crate::wire;

macro_rules! pairs {
    ($to:ident, $from:ident, $domain:ident, $wire:ident { $($a:ident = $b:ident),+ $(,)? }) => {
        pub(super) fn $to(value: $domain) -> i32 {
            match value { $($domain::$a => wire::$wire::$b as i32),+ }
        }

        pub(super) fn $from(field: &str, value: i32) -> Result<$domain, RecordError> {
            $(if value == wire::$wire::$b as i32 {
                return Ok($domain::$a);
            })+
            let accepted = [$(wire::$wire::$b),+].map(|w| (w as i32).to_string()).join(", ");
            Err(RecordError::field(field, value, accepted))
        }
    };
}

pairs!(technology_out, technology_in, Technology, Technology {
    Unknown = Unspecified,
    Fttp = Fttp,
    Cable = Cable,
    Dsl = Dsl,
    FixedWireless = FixedWireless,
    Satellite = Satellite,
    Lte = Lte,
    NrNsa = NrNsa,
    NrSa = NrSa,
    Wwan = Wwan,
    Wifi = Wifi,
    Ppp = Ppp,
    Ethernet = Ethernet,
});

pairs!(probe_out, probe_in, ProbeKind, ProbeKind {
    Stamp = Stamp,
    Icmp = Icmp,
    Dns = Dns,
    TcpConnect = TcpConnect,
    TlsHandshake = TlsHandshake,
    HttpTtfb = HttpTtfb,
    Hop = Hop,
});

pairs!(role_out, role_in, Role, Role {
    Gateway = Gateway,
    FirstHop = FirstHop,
    Reflector = Reflector,
    Target = Target,
    Resolver = Resolver,
});

pairs!(family_out, family_in, Family, Family { V4 = V4, V6 = V6 });

pairs!(cause_out, cause_in, Cause, Cause {
    Timeout = Timeout,
    Refused = Refused,
    Unreachable = Unreachable,
    NoRoute = NoRoute,
    Local = Local,
    Name = Name,
    Protocol = Protocol,
    Status = Status,
});

pairs!(down_out, down_in, DownCause, DownCause {
    Probes = Probes,
    Carrier = Carrier,
    Address = Address,
    Route = Route,
    Interface = Interface,
});

pairs!(test_kind_out, test_kind_in, TestKind, TestKind {
    Responsiveness = Responsiveness,
    Capacity = Capacity,
});

pairs!(confidence_out, confidence_in, Confidence, Confidence {
    Low = Low,
    Medium = Medium,
    High = High,
});

pairs!(skip_out, skip_in, SkipReason, SkipReason {
    Busy = Busy,
    GaveWay = GaveWay,
    Budget = Budget,
    Roaming = Roaming,
    LinkDown = LinkDown,
    Expired = Expired,
    Rate = Rate,
    NoServer = NoServer,
    Refused = Refused,
    Stopped = Stopped,
});

pairs!(purpose_out, purpose_in, Purpose, Purpose {
    Probes = Probes,
    Responsiveness = Responsiveness,
    Capacity = Capacity,
    Telemetry = Telemetry,
});

pairs!(detail_out, detail_in, Detail, Detail {
    Full = Full,
    NoResponsiveness = NoResponsiveness,
    NoTests = NoTests,
    RarePhases = RarePhases,
    RareProbes = RareProbes,
    Alive = Alive,
});

pairs!(vantage_out, vantage_in, Vantage, Vantage { Router = Router, Device = Device });

/// As [`down_out`] and [`down_in`], where unspecified means that it was not down.
pub(super) fn optional_down_out(value: Option<DownCause>) -> i32 {
    value.map_or(wire::DownCause::Unspecified as i32, down_out)
}

pub(super) fn optional_down_in(field: &str, value: i32) -> Result<Option<DownCause>, RecordError> {
    if value == wire::DownCause::Unspecified as i32 {
        return Ok(None);
    }
    down_in(field, value).map(Some)
}

/// A household's vantage in the Hello message.
impl From<Vantage> for wire::Vantage {
    fn from(v: Vantage) -> Self {
        match v {
            Vantage::Router => Self::Router,
            Vantage::Device => Self::Device,
        }
    }
}
