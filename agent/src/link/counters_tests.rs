use std::fs;

use proptest::prelude::*;

use super::*;

const NONE: Bytes = Bytes { rx: 0, tx: 0 };

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

#[test]
fn a_slot_is_the_sum_and_the_busiest_second() {
    let mut meter = BusyMeter::default();
    for (s, rx, tx) in [(0, 500, 0), (1, 1_500, 100), (2, 11_500, 100), (3, 11_500, 300)] {
        meter.reading(seconds(s), Bytes { rx, tx }, NONE);
    }
    let busy = meter.finish().unwrap();
    let expected =
        Busy { rx_bytes: 11_000, tx_bytes: 300, rx_peak_bps: 80_000, tx_peak_bps: 1_600 };
    assert_eq!(busy, expected);
    assert_eq!(meter.finish(), None);
    meter.reading(seconds(4), Bytes { rx: 11_600, tx: 300 }, NONE);
    assert_eq!(meter.finish().unwrap().rx_bytes, 100);
}

#[test]
fn own_bytes_are_not_the_households_even_when_counted_a_second_apart() {
    let mut meter = BusyMeter::default();
    let both = |n| Bytes { rx: n, tx: n };
    meter.reading(seconds(0), both(0), both(0));
    meter.reading(seconds(1), both(0), both(100));
    meter.reading(seconds(2), both(100), both(100));
    assert_eq!(meter.finish(), Some(Busy::default()));
    // What never left is not held against the household for ever.
    meter.reading(seconds(3), both(100), both(200));
    meter.reading(seconds(4), both(100), both(200));
    meter.reading(seconds(5), both(600), both(200));
    assert_eq!(meter.finish().unwrap().tx_bytes, 500);
}

#[test]
fn a_wrapped_counter_goes_on_and_a_new_one_starts_again() {
    assert_eq!(rise((1 << 32) - 10, 5, seconds(1)), 15);
    assert_eq!(rise(1 << 40, 5, seconds(1)), 5);
    assert_eq!(rise(1_000_000, 5, seconds(1)), 5);
    assert_eq!(rise(7, 7, seconds(1)), 0);
}

#[test]
fn a_gap_in_the_readings_is_not_counted() {
    let mut meter = BusyMeter::default();
    meter.reading(seconds(0), NONE, NONE);
    meter.unreadable();
    meter.reading(seconds(9), Bytes { rx: 1 << 30, tx: 0 }, NONE);
    assert_eq!(meter.finish(), None);
}

#[test]
fn readings_too_close_make_no_rate() {
    let mut meter = BusyMeter::default();
    meter.reading(seconds(0), NONE, NONE);
    meter.reading(Duration::from_millis(1), Bytes { rx: 1_000, tx: 0 }, NONE);
    assert_eq!(meter.finish(), None);
    meter.reading(seconds(1), Bytes { rx: 1_000, tx: 0 }, NONE);
    assert_eq!(meter.finish().unwrap().rx_peak_bps, 8_000);
}

#[test]
fn files_are_read_anew_when_the_interface_comes_back() {
    let sysfs = tempfile::tempdir().unwrap();
    let name = "eth0".parse().unwrap();
    let mut counters = Counters::new(sysfs.path(), &name);
    assert_eq!(counters.read().unwrap_err().kind(), io::ErrorKind::NotFound);
    let directory = sysfs.path().join("class/net/eth0/statistics");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("rx_bytes"), "18446744073709551615\n").unwrap();
    fs::write(directory.join("tx_bytes"), "42\n").unwrap();
    assert_eq!(counters.read().unwrap(), Bytes { rx: u64::MAX, tx: 42 });
    fs::write(directory.join("tx_bytes"), "").unwrap();
    assert_eq!(counters.read().unwrap_err().kind(), io::ErrorKind::InvalidData);
    fs::write(directory.join("tx_bytes"), "43\n").unwrap();
    assert_eq!(counters.read().unwrap().tx, 43);
}

#[test]
fn a_vlan_counts_what_it_receives_with_its_headers_as_what_it_sends() {
    let sysfs = tempfile::tempdir().unwrap();
    let of = |name: &str, uevent: &str| {
        let directory = sysfs.path().join("class/net").join(name).join("statistics");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.with_file_name("uevent"), uevent).unwrap();
        // A hundred packets of 128 octets of IP each way.
        for (file, number) in [("rx_bytes", 12_800), ("tx_bytes", 14_200), ("rx_packets", 100)] {
            fs::write(directory.join(file), format!("{number}\n")).unwrap();
        }
        Counters::new(sysfs.path(), &name.parse().unwrap()).read().unwrap()
    };
    let whole = Bytes { rx: 14_200, tx: 14_200 };
    assert_eq!(of("eth0.7", "DEVTYPE=vlan\nINTERFACE=eth0.7\n"), whole);
    assert_eq!(of("br-wan", "DEVTYPE=bridge\nINTERFACE=br-wan\n"), whole);
    assert_eq!(of("ppp0", "DEVTYPE=ppp\nINTERFACE=ppp0\n").rx, 12_800);
}

#[test]
fn a_packet_counts_with_its_headers() {
    assert_eq!(counted_bytes(14, Family::V4, Transport::Udp, 44), 86);
    assert_eq!(counted_bytes(0, Family::V6, Transport::Icmp, 56), 104);
    assert_eq!(counted_bytes(14, Family::V4, Transport::Tcp, 0), 66);
}

proptest! {
    /// However own packets and their counting are apart by up to a second,
    /// the household's bytes come out within one second's own bytes.
    #[test]
    fn the_households_bytes_come_out(
        steps in prop::collection::vec((0..100_000_u64, 0..5_000_u64, any::<bool>()), 1..60)
    ) {
        let mut meter = BusyMeter::default();
        meter.reading(seconds(0), NONE, NONE);
        let (mut counted, mut own, mut late, mut truth) = (0, 0, 0, 0);
        for (i, (theirs, mine, delayed)) in steps.iter().enumerate() {
            own += mine;
            truth += theirs;
            counted += theirs + late;
            late = 0;
            if *delayed { late = *mine } else { counted += mine }
            let at = seconds(i as u64 + 1);
            meter.reading(at, Bytes { rx: counted, tx: 0 }, Bytes { rx: own, tx: 0 });
        }
        let found = meter.finish().unwrap().rx_bytes;
        prop_assert!(found <= truth, "{found} > {truth}");
        prop_assert!(truth - found <= 5_000, "{found} of {truth}");
    }
}
