//! Lists that are taken, and lists that are refused.

use std::convert::Infallible;

use super::*;

const LIST: &str = "household,area,does,time_zone,link,product,down_max_mbps,backup\r\n\
    home-1,north,video-call; card-payment,Europe/Berlin,eth0,\"Fibre, 250\",250,\r\n\
    home-1,,,,wwan0,5G,,true\r\n\
    home-2,2024,,,,,,\r\n";

fn read(text: &str) -> List {
    parse(text, "homes.csv", &Catalogue::built_in()).unwrap()
}

fn said(text: &str) -> String {
    crate::error_chain(&parse(text, "homes.csv", &Catalogue::built_in()).unwrap_err())
}

fn applied(list: &List, before: &Home) -> Vec<(HouseholdId, Home)> {
    list.applied(|_| Ok::<_, Infallible>(before.clone())).unwrap()
}

#[test]
fn a_household_has_a_row_for_each_of_its_links() {
    let homes = applied(&read(LIST), &Home::default());
    assert_eq!(homes.len(), 2);
    let home = &homes[0].1;
    assert_eq!(home.does, ["video-call", "card-payment"]);
    assert_eq!(home.time_zone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(home.plans.len(), 2);
    assert_eq!(home.plans[0].product.as_deref(), Some("Fibre, 250"));
    assert_eq!(home.plans[0].down.max_bps, Some(250_000_000));
    assert!(home.plans[1].backup && !home.plans[0].backup);
    assert_eq!(homes[1].1.place.area.as_deref(), Some("2024"), "a number may be a name");
    assert!(homes[1].1.plans.is_empty());
}

#[test]
fn what_has_no_column_stays_and_an_empty_field_takes_back() {
    let mut before = Home::default();
    before.consents.product = true;
    before.time_zone = Some("UTC".to_owned());
    before.plans = vec![
        Sold { link: "eth0".to_owned(), latency_ms: Some(9.0), ..Sold::default() },
        Sold { link: "old0".to_owned(), ..Sold::default() },
    ];
    before.plans[0].product = Some("Old".to_owned());
    let after = applied(&read("household,time_zone,link,product\nhome-1,,eth0,\n"), &before);
    let home = &after[0].1;
    assert!(home.consents.product, "it has no column");
    assert_eq!(home.time_zone, None, "its field is empty");
    assert_eq!(home.plans.len(), 1, "the links are those of the list");
    assert_eq!((home.plans[0].latency_ms, &home.plans[0].product), (Some(9.0), &None));
}

#[test]
fn a_list_with_anything_wrong_is_refused_whole_by_row_and_column() {
    let out = said(
        "household,area,link,down_max_mbps,down_min_mbps,backup,consent_areas,does\n\
         home-1,north,eth0,fast,,,,\nhome-1,south,eth0,,,,,\nHome 3,,,,,,,\n\
         home-2,,,10,,,,\nhome-2,,eth1,10,20,maybe,1,knitting\n",
    );
    for part in [
        "homes.csv: 9 wrong",
        "row 2, down_max_mbps: \"fast\"; accepted: a number of Mbit/s",
        "row 3, area: \"south\"; accepted: empty, or as in home-1's first row: north",
        "row 3, link: \"eth0\"; accepted: each link of a household once",
        "row 4, household: \"Home 3\"; accepted: 1 to 63 characters",
        "row 5, down_max_mbps: \"10\"; accepted: empty where no link is named",
        "row 6, down_min_mbps: \"20\"; accepted: at most max_mbps, which is 10",
        "row 6, backup: \"maybe\"; accepted: true or false",
        "row 6, consent_areas: \"1\"; accepted: true or false",
        "row 6, does[0]: \"knitting\"; accepted: an activity of the catalogue",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    let out = said("household,aria,product,household\n");
    assert!(out.contains("3 wrong") && out.contains("row 1: \"aria\"; accepted: columns"), "{out}");
    assert!(out.contains("row 1: \"product\"; accepted: beside a column link only"), "{out}");
    assert!(said("").contains("a heading with a column household"));
    assert!(said("household\n\"home-1").contains("row 2: a quote"));
    let many = "household\n".to_owned() + &"X\n".repeat(60);
    assert!(said(&many).contains("60 wrong") && said(&many).contains("and 10 more"));
}
