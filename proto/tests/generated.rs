//! Keeps `src/gen` equal to what the .proto files yield. No protoc: the parser
//! is protox. Run with `HEARTH_REGENERATE=1` to write it anew.

use std::path::Path;

#[test]
fn generated_code_is_that_of_the_proto_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().unwrap();
    let descriptors = protox::compile([root.join("hearth/v1/report.proto")], [root]).unwrap();
    tonic_prost_build::configure()
        .out_dir(out.path())
        .bytes(".hearth.v1.Envelope")
        .compile_fds(descriptors)
        .unwrap();
    let fresh = std::fs::read_to_string(out.path().join("hearth.v1.rs")).unwrap();
    let kept = root.join("src/gen/hearth.v1.rs");
    if std::env::var_os("HEARTH_REGENERATE").is_some() {
        std::fs::write(&kept, &fresh).unwrap();
    }
    assert!(
        std::fs::read_to_string(&kept).unwrap_or_default() == fresh,
        "{} is stale: run with HEARTH_REGENERATE=1",
        kept.display()
    );
}
