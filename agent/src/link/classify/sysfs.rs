//! Reads an interface's facts from sysfs.

use std::fs;
use std::path::Path;

use super::Facts;
use crate::link::InterfaceName;

/// Interfaces stacked deeper are not followed.
const MAX_DEPTH: u32 = 4;

/// The facts that sysfs, mounted at `sysfs` (`/sys`), holds of an interface.
/// `kind` is netlink's kind of virtual device. What can't be read is left out.
pub fn read_facts(sysfs: &Path, interface: &InterfaceName, kind: Option<&str>) -> Facts {
    read(sysfs, interface, kind, MAX_DEPTH)
}

fn read(sysfs: &Path, interface: &InterfaceName, kind: Option<&str>, depth: u32) -> Facts {
    let directory = sysfs.join("class/net").join(interface.as_str());
    if !directory.exists() {
        return Facts::default();
    }
    let has = |entry: &str| directory.join(entry).exists();
    Facts {
        present: true,
        hardware: text(&directory.join("type")).and_then(|t| t.trim().parse().ok()),
        devtype: text(&directory.join("uevent")).and_then(|t| devtype(&t)),
        // netlink's kind is not asked for below the first interface.
        kind: kind.or(has("tun_flags").then_some("tun")).map(str::to_owned),
        driver: fs::read_link(directory.join("device/driver"))
            .ok()
            .and_then(|path| Some(path.file_name()?.to_str()?.to_owned())),
        wifi: has("phy80211") || has("wireless"),
        device: has("device"),
        lower: (depth > 0)
            .then(|| only_lower(&directory))
            .flatten()
            .map(|name| Box::new((name.clone(), read(sysfs, &name, None, depth - 1)))),
    }
}

fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn devtype(uevent: &str) -> Option<String> {
    uevent.lines().find_map(|line| line.strip_prefix("DEVTYPE=")).map(str::to_owned)
}

/// The interface that this one is stacked on, where it is a single one.
fn only_lower(directory: &Path) -> Option<InterfaceName> {
    let mut all = fs::read_dir(directory).ok()?.flatten().filter_map(|entry| {
        entry.file_name().to_str()?.strip_prefix("lower_")?.parse::<InterfaceName>().ok()
    });
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use hearth_proto::Technology;

    use super::*;
    use crate::link::classify::classify;

    fn make(sysfs: &Path, name: &str, hardware: u16, uevent: &str) -> std::path::PathBuf {
        let directory = sysfs.join("class/net").join(name);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("type"), format!("{hardware}\n")).unwrap();
        fs::write(directory.join("uevent"), format!("{uevent}INTERFACE={name}\n")).unwrap();
        directory
    }

    fn technology(sysfs: &Path, name: &str) -> Technology {
        classify(&read_facts(sysfs, &name.parse().unwrap(), None), None).technology
    }

    #[test]
    fn reads_what_the_kernel_writes() {
        let sysfs = tempfile::tempdir().unwrap();
        let root = sysfs.path();
        let driver = root.join("bus/pci/drivers/e1000e");
        fs::create_dir_all(&driver).unwrap();

        let eth0 = make(root, "eth0", 1, "");
        fs::create_dir(eth0.join("device")).unwrap();
        symlink(&driver, eth0.join("device/driver")).unwrap();
        let vlan = make(root, "eth0.7", 1, "DEVTYPE=vlan\n");
        symlink("../eth0", vlan.join("lower_eth0")).unwrap();
        let wlan0 = make(root, "wlan0", 1, "DEVTYPE=wlan\n");
        fs::create_dir(wlan0.join("phy80211")).unwrap();
        make(root, "wwan0", 519, "DEVTYPE=wwan\n");
        make(root, "ppp0", 512, "DEVTYPE=ppp\n");
        let tun0 = make(root, "tun0", 0xfffe, "");
        fs::write(tun0.join("tun_flags"), "0x1001\n").unwrap();
        let bond0 = make(root, "bond0", 1, "DEVTYPE=bond\n");
        symlink("../eth0", bond0.join("lower_eth0")).unwrap();
        symlink("../wlan0", bond0.join("lower_wlan0")).unwrap();

        let facts = read_facts(root, &"eth0".parse().unwrap(), None);
        assert_eq!(facts.driver.as_deref(), Some("e1000e"));
        for (name, expected) in [
            ("eth0", Technology::Ethernet),
            ("eth0.7", Technology::Ethernet),
            ("wlan0", Technology::Wifi),
            ("wwan0", Technology::Wwan),
            ("ppp0", Technology::Ppp),
            ("tun0", Technology::Unknown),
            ("bond0", Technology::Unknown),
            ("gone0", Technology::Unknown),
        ] {
            assert_eq!(technology(root, name), expected, "{name}");
        }
    }
}
