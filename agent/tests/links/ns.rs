//! Network namespaces to test in: each test gets its own, with sysfs of its own,
//! so that nothing outside is touched and nothing has to be cleaned up.

use std::fs::{self, File};
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::thread;

use anyhow::{Context, Result, anyhow};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags};
use rtnetlink::packet_route::route::RouteMessage;
use rtnetlink::{
    AddressMessageBuilder, Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder,
};

/// Gets the right to make namespaces: as root it is there, else a user namespace
/// may give it. To be called before there are threads.
pub(crate) fn prepare() -> Result<(), String> {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    if !uid.is_root() {
        unshare(CloneFlags::CLONE_NEWUSER)
            .map_err(|e| format!("not root, and no user namespace: {e}"))?;
        let maps = [
            ("setgroups", "deny".to_owned()),
            ("uid_map", format!("0 {uid} 1")),
            ("gid_map", format!("0 {gid} 1")),
        ];
        for (file, text) in maps {
            fs::write(format!("/proc/self/{file}"), text)
                .map_err(|e| format!("not root, and {file} can't be written: {e}"))?;
        }
    }
    let tried = thread::spawn(|| enter().map_err(|e| format!("{e:#}"))).join();
    tried.unwrap_or_else(|_| Err("the attempt panicked".into()))
}

/// Moves the calling thread into a new network namespace.
fn enter() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
        .context("a network namespace can't be made (CAP_SYS_ADMIN)")?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .context("mounts can't be made private")?;
    mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), none)
        .context("sysfs can't be mounted")?;
    Ok(())
}

/// Runs a test in a network namespace of its own.
pub(crate) fn isolated<F>(test: impl FnOnce() -> F + Send + 'static) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let body = move || {
        enter()?;
        // One thread: a socket belongs to the namespace of the thread that opens it.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(test())
    };
    thread::spawn(body).join().map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        anyhow!("{}", text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("panicked"))
    })?
}

/// The network namespace of the calling thread.
pub(crate) fn here() -> Result<File> {
    Ok(File::open("/proc/thread-self/ns/net")?)
}

/// Moves the calling thread into another network namespace.
pub(crate) fn join(namespace: &File) -> Result<()> {
    Ok(setns(namespace, CloneFlags::CLONE_NEWNET)?)
}

/// Moves the calling thread into a network namespace that nothing else is in.
pub(crate) fn leave() -> Result<()> {
    Ok(unshare(CloneFlags::CLONE_NEWNET)?)
}

/// What `ip` does, in the namespace of the thread that made it.
pub(crate) struct Ip(pub(crate) Handle);

impl Ip {
    pub(crate) fn new() -> Result<Self> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        tokio::spawn(connection);
        Ok(Self(handle))
    }

    fn index(name: &str) -> Result<u32> {
        nix::net::if_::if_nametoindex(name).with_context(|| format!("no interface {name}"))
    }

    pub(crate) async fn add_veth(&self, name: &str, peer: &str) -> Result<()> {
        Ok(self.0.link().add(LinkVeth::new(name, peer).build()).execute().await?)
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<()> {
        Ok(self.0.link().del(Self::index(name)?).execute().await?)
    }

    async fn set(&self, message: LinkMessageBuilder<LinkUnspec>) -> Result<()> {
        Ok(self.0.link().set(message.build()).execute().await?)
    }

    pub(crate) async fn up(&self, name: &str) -> Result<()> {
        self.set(LinkUnspec::new_with_index(Self::index(name)?).up()).await
    }

    pub(crate) async fn down(&self, name: &str) -> Result<()> {
        self.set(LinkUnspec::new_with_index(Self::index(name)?).down()).await
    }

    pub(crate) async fn move_to(&self, name: &str, namespace: &File) -> Result<()> {
        let message = LinkUnspec::new_with_index(Self::index(name)?);
        self.set(message.setns_by_fd(namespace.as_raw_fd())).await
    }

    /// Without duplicate address detection, so that it is usable at once.
    pub(crate) async fn address(&self, name: &str, ip: &str, prefix: u8) -> Result<()> {
        let mut request = self.0.address().add(Self::index(name)?, ip.parse()?, prefix);
        let flags = AddressAttribute::Flags(AddressFlags::Nodad);
        request.message_mut().attributes.push(flags);
        Ok(request.execute().await?)
    }

    pub(crate) async fn delete_address(&self, name: &str, ip: [u8; 4], prefix: u8) -> Result<()> {
        let message = AddressMessageBuilder::<std::net::Ipv4Addr>::new()
            .index(Self::index(name)?)
            .address(ip.into(), prefix)
            .build();
        Ok(self.0.address().del(message).execute().await?)
    }

    /// `default via GATEWAY dev NAME metric METRIC table TABLE`.
    pub(crate) fn default(
        name: &str,
        gateway: &str,
        metric: u32,
        table: u32,
    ) -> Result<RouteMessageBuilder<IpAddr>> {
        let gateway: IpAddr = gateway.parse()?;
        let any = match gateway {
            IpAddr::V4(_) => IpAddr::from([0; 4]),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        Ok(RouteMessageBuilder::<IpAddr>::new()
            .destination_prefix(any, 0)
            .and_then(|route| route.gateway(gateway))
            .map_err(|e| anyhow!("{e}"))?
            .output_interface(Self::index(name)?)
            .priority(metric)
            .table_id(table))
    }

    pub(crate) async fn add_route(&self, route: RouteMessage) -> Result<()> {
        Ok(self.0.route().add(route).execute().await?)
    }

    pub(crate) async fn delete_route(&self, route: RouteMessage) -> Result<()> {
        Ok(self.0.route().del(route).execute().await?)
    }
}
