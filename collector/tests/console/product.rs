//! What product and marketing may have: of homes that agreed to it, and of no other.

use serde_json::Value;

use crate::areas::{console, drawn};
use crate::http::get;

#[tokio::test(flavor = "multi_thread")]
async fn product_sees_the_homes_that_agreed_and_the_noc_all() {
    let console = console(6).await;
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let listed = get(console.at, "/api/v1/product/households").await;
    let listed = json(&listed.body)["households"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 12, "{listed:?}");
    assert!(listed.iter().all(|home| home.as_str().unwrap().starts_with("south-")), "{listed:?}");

    for part in ["profile", "remedies"] {
        let of = |home: &str| format!("/api/v1/product/households/{home}/{part}");
        let agreed = get(console.at, &of("south-0")).await;
        assert_eq!(agreed.status, 200, "{}", agreed.body);
        // Who did not agree is told no more than who is not known.
        for home in ["north-0", "nobody"] {
            let refused = get(console.at, &of(home)).await;
            assert_eq!(refused.status, 403, "{}", refused.body);
            assert!(refused.body.contains("consents.product"), "{}", refused.body);
        }
        let noc = get(console.at, &format!("/api/v1/households/north-0/{part}")).await;
        assert_eq!(noc.status, 200, "{}", noc.body);
    }

    let report = json(&drawn(console.at, "/api/v1/product/areas?range=24h").await);
    assert_eq!(report["audience"], "product");
    let homes = ["homes", "not_agreed", "consenting"].map(|key| report[key].as_u64().unwrap());
    assert_eq!(homes, [12, 12, 12], "{report:#}");
    assert_eq!(report["operator"]["homes"], 12);
    assert!(!report.to_string().contains("north"), "{report:#}");
    let noc = json(&drawn(console.at, "/api/v1/areas?range=24h").await);
    assert_eq!((&noc["audience"], &noc["homes"]), (&"noc".into(), &24.into()));
    assert!(noc.to_string().contains("north"), "its own operation goes on");

    for table in ["areas", "activities", "incidents"] {
        let of = |whose: &str| format!("/api/v1/{whose}areas?format=csv&table={table}&range=24h");
        let sold = get(console.at, &of("product/")).await;
        if sold.status == 400 {
            assert_eq!(get(console.at, &of("")).await.status, 400, "{table} is in neither");
            continue;
        }
        assert!(!sold.body.contains("north"), "{}", sold.body);
        assert!(sold.header("content-disposition").unwrap().contains("areas-product"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_of_who_did_not_agree_says_that_it_is_for_the_noc_alone() {
    let console = console(6).await;
    for (home, alone) in [("north-0", true), ("south-0", false)] {
        let page = get(console.at, &format!("/households/{home}/profile")).await;
        assert_eq!(page.status, 200);
        assert_eq!(page.body.contains("It is for the NOC alone"), alone, "{home}");
    }
}
