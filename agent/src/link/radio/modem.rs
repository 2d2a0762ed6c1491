//! What ModemManager's D-Bus interfaces say of a modem, into a reading. Pure.
//!
//! Names, numbers and bits are those of its API (`ModemManager-enums.h`).

use std::collections::HashMap;

use hearth_proto::{Layer, Technology};
use zbus::OwnedVariant;

use super::{RadioReading, ServingCell, band, of_layers};
use crate::link::InterfaceName;

/// The source's name.
pub const SOURCE: &str = "ModemManager";
/// The interface that makes an object a modem.
pub const MODEM: &str = "org.freedesktop.ModemManager1.Modem";
/// Registration and network.
pub const MODEM_3GPP: &str = "org.freedesktop.ModemManager1.Modem.Modem3gpp";
/// Extended signal quality.
pub const SIGNAL: &str = "org.freedesktop.ModemManager1.Modem.Signal";
/// Where the modem is.
pub const LOCATION: &str = "org.freedesktop.ModemManager1.Modem.Location";

/// An interface's properties.
pub type Properties = HashMap<String, OwnedVariant>;
/// An object's interfaces.
pub type Interfaces = HashMap<String, Properties>;

/// `MM_MODEM_ACCESS_TECHNOLOGY_*`: LTE, LTE-M and NB-IoT, and 5G.
const LTE: u32 = 1 << 14 | 1 << 16 | 1 << 17;
const NR: u32 = 1 << 15;
/// `MM_MODEM_PORT_TYPE_NET`.
const PORT_NET: u32 = 2;
/// `MM_MODEM_LOCATION_SOURCE_3GPP_LAC_CI`.
pub const LAC_CI: u32 = 1;
/// `MM_CELL_TYPE_*`.
const CELL_LTE: u32 = 5;
const CELL_NR: u32 = 6;
/// `MM_SERVING_CELL_TYPE_SCELL`, `_SSCELL`: carriers that only add capacity.
const SECONDARY: [u32; 2] = [2, 4];
/// `MM_MODEM_BAND_ANY`; `EUTRAN_n` is 30 + n, `NGRAN_n` is 300 + n.
const BAND_ANY: u32 = 256;
const BAND_NR: u32 = 300;

/// The interfaces that may carry the modem's data, by its ports.
pub fn net_ports(modem: &Properties) -> Vec<InterfaceName> {
    let ports: Vec<(String, u32)> = get(modem, "Ports").unwrap_or_default();
    ports
        .into_iter()
        .filter(|(_, kind)| *kind == PORT_NET)
        .filter_map(|(name, _)| name.parse().ok())
        .collect()
}

/// What the properties say; cells have what [`cell_info`] and [`location`] add.
pub fn reading(interfaces: &Interfaces) -> RadioReading {
    let none = Properties::new();
    let of = |name: &str| interfaces.get(name).unwrap_or(&none);
    let bits: u32 = get(of(MODEM), "AccessTechnologies").unwrap_or_default();
    let (lte, nr) = (bits & LTE != 0, bits & NR != 0);
    let technology = of_layers(lte, nr).or((bits != 0).then_some(Technology::Wwan));
    let registration: u32 = get(of(MODEM_3GPP), "RegistrationState").unwrap_or_default();
    let signal = of(SIGNAL);
    let cells = [(lte, Layer::Lte, "Lte"), (nr, Layer::Nr, "Nr5g")]
        .into_iter()
        .filter(|(serves, ..)| *serves)
        .map(|(_, layer, name)| {
            let mut cell = ServingCell::new(layer);
            if let Some(figures) = get::<Properties>(signal, name) {
                figure(&figures, "rsrp", |v| cell.rsrp(v));
                figure(&figures, "rsrq", |v| cell.rsrq(v));
                figure(&figures, "snr", |v| cell.sinr(v));
            }
            cell
        })
        .collect();
    RadioReading {
        technology,
        // MM_MODEM_3GPP_REGISTRATION_STATE_HOME* and _ROAMING*.
        roaming: match registration {
            1 | 6 | 9 => Some(false),
            5 | 7 | 10 => Some(true),
            _ => None,
        },
        plmn: get::<String>(of(MODEM_3GPP), "OperatorCode").and_then(|code| code.parse().ok()),
        cells,
        source: SOURCE,
        lacks: Vec::new(),
    }
}

/// Adds what `GetCellInfo` says of the serving cells; `modem` says which bands
/// the modem may use.
pub fn cell_info(reading: &mut RadioReading, all: &[Properties], modem: &Properties) {
    let bands: Vec<u32> = get(modem, "CurrentBands").unwrap_or_default();
    let says = bands.iter().any(|b| *b > BAND_NR) && !bands.contains(&BAND_ANY);
    let in_use = |nr_band: u32| !says || bands.contains(&(BAND_NR + nr_band));
    for cell in &mut reading.cells {
        let kind = if cell.layer == Layer::Lte { CELL_LTE } else { CELL_NR };
        let serving = all.iter().filter(|info| {
            get(info, "cell-type") == Some(kind) && get(info, "serving") == Some(true)
        });
        let is_secondary = |info: &&Properties| {
            get(info, "serving-cell-type").is_some_and(|t| SECONDARY.contains(&t))
        };
        let Some(info) = serving.min_by_key(is_secondary) else { continue };
        cell.cell = hex(info, "ci").filter(|ci| *ci > 0).or(cell.cell);
        cell.pci = hex(info, "physical-ci").and_then(|pci| pci.try_into().ok()).or(cell.pci);
        cell.band = match cell.layer {
            Layer::Lte => get(info, "earfcn").and_then(band::of_earfcn),
            Layer::Nr => get(info, "nrarfcn").and_then(|n| band::of_nrarfcn(n, in_use)),
        };
        // The signal interface's figures are the fresher ones.
        let signal = (cell.rsrp_ddbm, cell.rsrq_ddb, cell.sinr_ddb);
        figure(info, "rsrp", |v| cell.rsrp(v));
        figure(info, "rsrq", |v| cell.rsrq(v));
        figure(info, "sinr", |v| cell.sinr(v));
        cell.rsrp_ddbm = signal.0.or(cell.rsrp_ddbm);
        cell.rsrq_ddb = signal.1.or(cell.rsrq_ddb);
        cell.sinr_ddb = signal.2.or(cell.sinr_ddb);
    }
}

/// Adds the cell's identity from a location "MCC,MNC,LAC,CI,TAC" in hex: that of
/// the layer that the registration is on, LTE's with 5G NSA.
pub fn location(reading: &mut RadioReading, text: &str) {
    let Some(cell) = reading.cells.first_mut() else { return };
    let ci = text.split(',').nth(3).and_then(|ci| u64::from_str_radix(ci.trim(), 16).ok());
    cell.cell = cell.cell.or(ci.filter(|ci| *ci > 0));
}

/// A property, where it is there and of this type.
pub fn get<T: TryFrom<OwnedVariant>>(properties: &Properties, name: &str) -> Option<T> {
    T::try_from(properties.get(name)?.try_clone().ok()?).ok()
}

fn figure(figures: &Properties, name: &str, keep: impl FnOnce(f64)) {
    if let Some(value) = get(figures, name) {
        keep(value);
    }
}

fn hex(info: &Properties, name: &str) -> Option<u64> {
    u64::from_str_radix(&get::<String>(info, name)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use zbus::Variant;

    use super::*;

    fn owned(value: impl Into<Variant<'static>>) -> OwnedVariant {
        value.into().try_into_owned().unwrap()
    }

    fn properties<const N: usize>(all: [(&str, OwnedVariant); N]) -> Properties {
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn modem(technologies: u32, registration: u32) -> Interfaces {
        let lte = HashMap::from([
            ("rsrp", Variant::from(-95.0)),
            ("rsrq", Variant::from(-11.5)),
            ("snr", Variant::from(f64::MIN)),
        ]);
        let nr = HashMap::from([("rsrp", Variant::from(-101.0)), ("snr", Variant::from(12.0))]);
        let ports = vec![("cdc-wdm0", 6_u32), ("wwan0", 2_u32)];
        [
            (
                MODEM.to_owned(),
                properties([
                    ("AccessTechnologies", owned(technologies)),
                    ("Ports", owned(ports)),
                    ("CurrentBands", owned(vec![33_u32, 378])),
                ]),
            ),
            (
                MODEM_3GPP.to_owned(),
                properties([
                    ("RegistrationState", owned(registration)),
                    ("OperatorCode", owned("26201")),
                ]),
            ),
            (SIGNAL.to_owned(), properties([("Lte", owned(lte)), ("Nr5g", owned(nr))])),
        ]
        .into()
    }

    #[test]
    fn technologies_by_their_bits() {
        let cases = [
            (LTE & 1 << 14, Some(Technology::Lte), 1),
            (1 << 14 | 1 << 15, Some(Technology::NrNsa), 2),
            (1 << 15, Some(Technology::NrSa), 1),
            (1 << 5, Some(Technology::Wwan), 0),
            (0, None, 0),
        ];
        for (bits, technology, cells) in cases {
            let reading = reading(&modem(bits, 1));
            assert_eq!((reading.technology, reading.cells.len()), (technology, cells), "{bits:x}");
        }
    }

    #[test]
    fn figures_network_and_roaming() {
        let home = reading(&modem(1 << 14 | 1 << 15, 1));
        assert_eq!((home.roaming, home.plmn), (Some(false), "26201".parse().ok()));
        assert_eq!((home.cells[0].rsrp_ddbm, home.cells[0].rsrq_ddb), (Some(-950), Some(-115)));
        assert_eq!(home.cells[0].sinr_ddb, None, "MM_SIGNAL_UNKNOWN");
        assert_eq!((home.cells[1].rsrp_ddbm, home.cells[1].sinr_ddb), (Some(-1010), Some(120)));
        assert_eq!(reading(&modem(1 << 14, 5)).roaming, Some(true));
        assert_eq!(reading(&modem(1 << 14, 2)).roaming, None, "searching");
        let empty = reading(&Interfaces::new());
        assert_eq!((empty.technology, empty.roaming, empty.plmn), (None, None, None));
    }

    #[test]
    fn the_primary_cells_of_both_layers() {
        let modem = modem(1 << 14 | 1 << 15, 1);
        let mut reading = reading(&modem);
        let lte = |ci: &'static str, earfcn: u32, kind: u32, serving: bool| {
            properties([
                ("cell-type", owned(5_u32)),
                ("serving", owned(serving)),
                ("serving-cell-type", owned(kind)),
                ("ci", owned(ci)),
                ("physical-ci", owned("1F")),
                ("earfcn", owned(earfcn)),
                ("rsrp", owned(-70.0)),
                ("rsrq", owned(f64::MIN)),
            ])
        };
        let nr = properties([
            ("cell-type", owned(6_u32)),
            ("serving", owned(true)),
            ("ci", owned("0000000")),
            ("physical-ci", owned("3E7")),
            ("nrarfcn", owned(630_000_u32)),
            ("rsrq", owned(-10.5)),
        ]);
        let all = [
            lte("AA", 6_300, 2, true),
            lte("18B7207", 1_300, 1, true),
            lte("B", 100, 0, false),
            nr,
        ];
        cell_info(&mut reading, &all, &modem[MODEM]);
        let [lte, nr] = reading.cells[..] else { panic!("{reading:?}") };
        assert_eq!((lte.cell, lte.pci, lte.band), (Some(0x18B_7207), Some(31), Some(3)));
        assert_eq!(lte.rsrp_ddbm, Some(-950), "the signal interface's");
        assert_eq!((nr.cell, nr.pci, nr.band), (None, Some(999), Some(78)));
        assert_eq!(nr.rsrq_ddb, Some(-105));
    }

    #[test]
    fn a_location_names_the_cell_of_the_anchor() {
        let mut nsa = reading(&modem(1 << 14 | 1 << 15, 1));
        location(&mut nsa, "262,01,FFFE,018B7207,00D2F0");
        assert_eq!((nsa.cells[0].cell, nsa.cells[1].cell), (Some(0x18B_7207), None));
        let mut none = reading(&modem(1 << 14, 1));
        for text in ["", "262,01", "262,01,FFFE,0,0", "262,01,FFFE,zz,0"] {
            location(&mut none, text);
        }
        assert_eq!(none.cells[0].cell, None);
    }

    #[test]
    fn only_network_ports_carry_data() {
        let ports = net_ports(&modem(0, 0)[MODEM]);
        assert_eq!(ports.iter().map(InterfaceName::as_str).collect::<Vec<_>>(), ["wwan0"]);
        assert!(net_ports(&Properties::new()).is_empty());
    }
}
