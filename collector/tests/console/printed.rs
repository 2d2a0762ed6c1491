//! The statement on paper, by a real browser.

use super::homes::STREET;
use super::http::get;
use super::street;

/// Prints with a real browser: page one is one A4 page, the annex follows.
#[tokio::test]
#[ignore = "needs chromium on the PATH: run with --ignored"]
async fn the_statement_prints_on_one_page() {
    let console = street().await;
    let out = tempfile::tempdir().unwrap();
    for house in &STREET {
        for end in ["statement", "statement.html"] {
            let pdf = out.path().join(format!("{}-{end}.pdf", house.id));
            let source = if end == "statement" {
                format!("http://{}/households/{}/statement", console.at, house.id)
            } else {
                let page = get(console.at, &format!("/households/{}/{end}", house.id)).await;
                let file = out.path().join(format!("{}.html", house.id));
                std::fs::write(&file, page.body).unwrap();
                format!("file://{}", file.display())
            };
            let profile = tempfile::tempdir().unwrap();
            let status = tokio::process::Command::new("chromium")
                .args(["--no-sandbox", "--headless", "--disable-gpu", "--no-first-run"])
                .args(["--disable-background-networking", "--disable-component-update"])
                .arg(format!("--user-data-dir={}", profile.path().display()))
                .args(["--no-pdf-header-footer", &format!("--print-to-pdf={}", pdf.display())])
                .arg(&source)
                .output()
                .await
                .unwrap();
            assert!(status.status.success(), "{status:?}");
            // Page one ends with its foot, and page two begins with the annex.
            let page = |n: &str| {
                let text = std::process::Command::new("pdftotext")
                    .args(["-f", n, "-l", n])
                    .args([pdf.as_os_str(), std::ffi::OsStr::new("-")])
                    .output()
                    .unwrap();
                String::from_utf8(text.stdout).unwrap()
            };
            let (one, two) = (page("1"), page("2"));
            assert!(one.contains("Drawn up ") && !one.contains("Annex: each figure"), "{source}");
            assert!(two.starts_with("Annex: each figure"), "{source}: {two}");
        }
    }
}
