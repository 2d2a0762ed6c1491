//! What OpenWrt's programs print, into readings. Pure.
//!
//! `ubus call network.interface dump` lists the logical interfaces; those of
//! protocol "qmi" are uqmi's. `uqmi` prints one JSON value per command asked: an
//! object of one radio's figures, a list of two with 5G NSA, an object of
//! registration, an object by technology, or a text where it failed. Older
//! versions give the SNR as a whole number of tenths, newer ones as a fraction.

use hearth_proto::{Layer, Plmn, Technology};
use serde_json::Value;

use super::{RadioReading, ServingCell, of_layers};
use crate::link::InterfaceName;

/// The source's name.
pub const SOURCE: &str = "uqmi";

/// The interfaces whose protocol is uqmi's, from `network.interface dump`.
pub fn interfaces(dump: &str) -> Option<Vec<InterfaceName>> {
    let dump: Value = serde_json::from_str(dump).ok()?;
    let of = |one: &Value| {
        let named = ["l3_device", "device"].into_iter().find_map(|key| one[key].as_str());
        (one["proto"] == "qmi").then_some(named)?.and_then(|name| name.parse().ok())
    };
    let mut found: Vec<InterfaceName> =
        dump["interface"].as_array()?.iter().filter_map(of).collect();
    found.sort();
    found.dedup();
    Some(found)
}

/// A reading from what uqmi printed; `None` where nothing in it is a radio's.
pub fn reading(printed: &str) -> Option<RadioReading> {
    let mut parts = Parts::default();
    for value in serde_json::Deserializer::from_str(printed).into_iter::<Value>() {
        // What comes after something unreadable is not understood either.
        let Ok(value) = value else { break };
        match &value {
            Value::Array(radios) => radios.iter().for_each(|radio| parts.signal(radio)),
            Value::Object(_) if value["type"].is_string() => parts.signal(&value),
            Value::Object(_) if value["registration"].is_string() => parts.registration(&value),
            Value::Object(_) => parts.system(&value),
            _ => {}
        }
    }
    parts.finish()
}

#[derive(Default)]
struct Parts {
    lte: Option<ServingCell>,
    nr: Option<ServingCell>,
    cells: [Option<u64>; 2],
    older: bool,
    registered: Option<bool>,
    roaming: Option<bool>,
    plmn: Option<Plmn>,
    mcc_mnc: Option<Plmn>,
}

impl Parts {
    fn signal(&mut self, radio: &Value) {
        let (layer, into) = match radio["type"].as_str() {
            Some("lte") => (Layer::Lte, &mut self.lte),
            Some("5gnr") => (Layer::Nr, &mut self.nr),
            Some(_) => {
                self.older = true;
                return;
            }
            None => return,
        };
        let mut cell = ServingCell::new(layer);
        if let Some(dbm) = radio["rsrp"].as_f64() {
            cell.rsrp(dbm);
        }
        if let Some(db) = radio["rsrq"].as_f64() {
            cell.rsrq(db);
        }
        if let Some(snr) = radio["snr"].as_f64() {
            cell.sinr(if radio["snr"].is_f64() { snr } else { snr / 10.0 });
        }
        *into = Some(cell);
    }

    fn registration(&mut self, serving: &Value) {
        self.registered = Some(serving["registration"] == "registered");
        self.roaming = serving["roaming"].as_bool().or(self.roaming);
        // A number has lost its leading zeros: only one of three digits is whole.
        if let (Some(mcc), Some(mnc @ 100..)) =
            (serving["plmn_mcc"].as_u64(), serving["plmn_mnc"].as_u64())
        {
            self.plmn = format!("{mcc:03}{mnc}").parse().ok();
        }
    }

    fn system(&mut self, system: &Value) {
        for (at, key) in ["lte", "5gnr"].into_iter().enumerate() {
            let of = &system[key];
            let served = of["service_status"] == "available";
            if !served {
                continue;
            }
            self.roaming = match of["roaming_status"].as_str() {
                Some("off") => Some(false),
                Some("on") => Some(true),
                _ => None,
            }
            .or(self.roaming);
            let digits = |key: &str, most: usize| -> String {
                let text = of[key].as_str().unwrap_or_default();
                text.chars().take_while(char::is_ascii_digit).take(most).collect()
            };
            self.mcc_mnc = self.mcc_mnc.or((digits("mcc", 3) + &digits("mnc", 3)).parse().ok());
            let cell = |node: u64, local: u64| node.checked_mul(256)?.checked_add(local);
            if let (Some(node), Some(local)) = (of["enodeb_id"].as_u64(), of["cell_id"].as_u64()) {
                self.cells[at] = cell(node, local).filter(|c| *c > 0);
            }
        }
    }

    fn finish(self) -> Option<RadioReading> {
        let Self { mut lte, mut nr, cells, older, registered, roaming, plmn, mcc_mnc } = self;
        if lte.is_none() && nr.is_none() && !older && registered.is_none() {
            return None;
        }
        for (cell, id) in [&mut lte, &mut nr].into_iter().zip(cells) {
            if let Some(cell) = cell {
                cell.cell = id;
            }
        }
        let technology = of_layers(lte.is_some(), nr.is_some())
            .or(older.then_some(Technology::Wwan))
            .filter(|_| registered != Some(false));
        Some(RadioReading {
            technology,
            roaming: technology.and(roaming),
            plmn: mcc_mnc.or(plmn),
            cells: [lte, nr].into_iter().flatten().filter(|_| technology.is_some()).collect(),
            source: SOURCE,
            lacks: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LTE_OLD: &str = r#"{
	"type": "lte",
	"rssi": -63,
	"rsrq": -11,
	"rsrp": -95,
	"snr": 92
}
{
	"registration": "registered",
	"plmn_mcc": 262,
	"plmn_mnc": 1,
	"plmn_description": "Telekom.de",
	"roaming": false
}"#;
    const NSA_NEW: &str = r#"[{"type":"lte","rssi":-63,"rsrq":-11,"rsrp":-95,"snr":9.200000},
        {"type":"5gnr","rsrp":-101,"snr":12.500000,"rsrq":-10}]
        {"registration":"registered","radio_interface":["lte"],"plmn_mcc":232,"plmn_mnc":1,
         "plmn_description":"A1","roaming":true}
        {"lte":{"service_status":"available","true_service_status":"available",
         "preferred_data_path":false,"domain":"cs-ps","service":"cs-ps","roaming_status":"on",
         "forbidden":false,"mcc":"232","mnc":"01","tracking_area_code":1234,"enodeb_id":101234,
         "cell_id":7,"voice_support":true},
         "5gnr":{"service_status":"none","true_service_status":"none","preferred_data_path":false}}"#;

    #[test]
    fn lte_as_older_versions_print_it() {
        let reading = reading(LTE_OLD).unwrap();
        assert_eq!(reading.technology, Some(Technology::Lte));
        assert_eq!((reading.roaming, reading.plmn), (Some(false), None), "01 or 001 is not known");
        let cell = reading.cells[0];
        assert_eq!(
            (cell.rsrp_ddbm, cell.rsrq_ddb, cell.sinr_ddb),
            (Some(-950), Some(-110), Some(92))
        );
    }

    #[test]
    fn both_layers_of_nsa_with_network_and_cell() {
        let reading = reading(NSA_NEW).unwrap();
        assert_eq!(reading.technology, Some(Technology::NrNsa));
        assert_eq!(reading.roaming, Some(true));
        assert_eq!(reading.plmn.unwrap().to_string(), "23201");
        let [lte, nr] = reading.cells[..] else { panic!("{reading:?}") };
        assert_eq!(
            (lte.layer, lte.sinr_ddb, lte.cell),
            (Layer::Lte, Some(92), Some(101_234 * 256 + 7))
        );
        assert_eq!((nr.layer, nr.rsrp_ddbm, nr.sinr_ddb), (Layer::Nr, Some(-1010), Some(125)));
        assert_eq!(nr.cell, None);
    }

    #[test]
    fn standalone_older_and_out_of_service() {
        let sa = reading(r#"{"type":"5gnr","rsrp":-88,"snr":20.000000}"#).unwrap();
        assert_eq!(sa.technology, Some(Technology::NrSa));
        assert_eq!(sa.cells[0].rsrq_ddb, None);
        let umts = reading(r#"{"type":"wcdma","rssi":-73,"ecio":-7}"#).unwrap();
        assert_eq!((umts.technology, umts.cells.len()), (Some(Technology::Wwan), 0));
        let text = r#"{"type":"lte","rsrp":-95} {"registration":"searching","roaming":true}"#;
        let searching = reading(text).unwrap();
        assert_eq!((searching.technology, searching.roaming), (None, None));
        assert!(searching.cells.is_empty());
    }

    #[test]
    fn what_is_no_reading_gives_none() {
        for text in
            ["", "\"Failed to connect to service\"", "{}", "[]", "{\"type\":1}", "nonsense {"]
        {
            assert_eq!(reading(text), None, "{text}");
        }
        let cut = reading(&NSA_NEW[..NSA_NEW.len() - 30]).unwrap();
        assert_eq!(cut.technology, Some(Technology::NrNsa), "what was whole is kept");
    }

    #[test]
    fn only_interfaces_of_protocol_qmi_are_its() {
        let dump = r#"{"interface":[
            {"interface":"lan","up":true,"proto":"static","l3_device":"br-lan","device":"br-lan"},
            {"interface":"wwan","up":true,"proto":"qmi","l3_device":"wwan0","device":"wwan0","data":{}},
            {"interface":"wwan_4","up":true,"proto":"dhcp","l3_device":"wwan0","device":"wwan0"},
            {"interface":"wwanb","up":false,"proto":"qmi","device":"wwan1"},
            {"interface":"mm","up":true,"proto":"modemmanager","l3_device":"wwan2"}]}"#;
        let found = interfaces(dump).unwrap();
        assert_eq!(found.iter().map(InterfaceName::as_str).collect::<Vec<_>>(), ["wwan0", "wwan1"]);
        assert_eq!(interfaces("Command failed: Not found"), None);
    }
}
