//! The network of the lab's containers.
//!
//! dockerd would make a bridge `docker0`, and at every start write the machine's packet filter anew. Two engines on one
//! machine break each other's containers in this way. So the lab has a bridge and addresses of its own, three rules of
//! its own for the way out, and dockerd leaves the filter alone. (Ports are published all the same: by docker-proxy.)

use std::fs;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::Lab;
use super::folder::admin;
use super::report::note;

/// The bridge of a lab, and the addresses behind it.
pub struct Network {
    /// The interface's name.
    pub bridge: String,
    /// The second number of the lab's addresses, 10.N.0.0/16.
    number: u32,
    /// The largest packet that leaves the machine: with larger ones, containers stall where the machine does not.
    pub mtu: u32,
}

impl Network {
    /// Makes the bridge, and opens the way out. Does nothing that is done.
    pub fn up(lab: &Lab) -> Result<Self> {
        let sh = admin()?;
        let bridge = bridge(lab);
        let number = number(&sh, &bridge)?;
        let network = Self { bridge, number, mtu: mtu() };
        let (bridge, address) = (&network.bridge, format!("10.{number}.0.1/24"));
        if !exists(bridge)? {
            cmd!(sh, "ip link add {bridge} type bridge").quiet().run().context("cannot make a network bridge")?;
        }
        cmd!(sh, "ip addr replace {address} dev {bridge}").quiet().run()?;
        cmd!(sh, "ip link set {bridge} up").quiet().run()?;
        for rule in network.rules() {
            if !rule.present(&sh) && rule.apply(&sh, "-I").is_err() {
                note("iptables does not work here: containers reach the world only with `--network host`");
                break;
            }
        }
        Ok(network)
    }

    /// Takes the bridge and the rules away again.
    pub fn down(lab: &Lab) -> Result<()> {
        let sh = admin()?;
        let bridge = bridge(lab);
        if !exists(&bridge)? {
            return Ok(());
        }
        let number = number(&sh, &bridge)?;
        for rule in (Self { bridge: bridge.clone(), number, mtu: 0 }).rules() {
            if rule.present(&sh) {
                rule.apply(&sh, "-D")?;
            }
        }
        // Other bridges are of networks that somebody asked the engine for.
        let prefix = format!(" inet 10.{number}.");
        for line in addresses(&sh)?.lines().filter(|line| line.contains(&prefix)) {
            let interface = line.split_whitespace().nth(1).context("an interface without a name")?;
            cmd!(sh, "ip link delete {interface}").quiet().run()?;
        }
        // Without an address, if it was being made when somebody pulled the plug.
        if exists(&bridge)? {
            cmd!(sh, "ip link delete {bridge}").quiet().run()?;
        }
        Ok(())
    }

    /// The addresses from which networks that containers make for themselves are cut.
    pub fn pool(&self) -> String {
        format!("10.{}.128.0/17", self.number)
    }

    fn rules(&self) -> [Rule; 3] {
        let all = format!("10.{}.0.0/16", self.number);
        let rule =
            |table, chain, words: &str| Rule { table, chain, words: words.split(' ').map(str::to_owned).collect() };
        [
            rule("nat", "POSTROUTING", &format!("-s {all} ! -d {all} -j MASQUERADE")),
            // An engine of the machine's own may have set the policy to DROP.
            rule("filter", "FORWARD", &format!("-s {all} -j ACCEPT")),
            rule("filter", "FORWARD", &format!("-d {all} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")),
        ]
    }
}

/// A rule of the packet filter.
struct Rule {
    table: &'static str,
    chain: &'static str,
    words: Vec<String>,
}

impl Rule {
    fn present(&self, sh: &Shell) -> bool {
        self.apply(sh, "-C").is_ok()
    }

    fn apply(&self, sh: &Shell, action: &str) -> Result<()> {
        let Self { table, chain, words } = self;
        Ok(cmd!(sh, "iptables --wait -t {table} {action} {chain} {words...}").quiet().ignore_stderr().run()?)
    }
}

fn exists(interface: &str) -> Result<bool> {
    Ok(fs::exists(format!("/sys/class/net/{interface}"))?)
}

/// Of the lab's path, so that labs can live side by side. An interface's name has at most 15 characters.
fn bridge(lab: &Lab) -> String {
    format!("dockerize{:06x}", hash(lab) & 0xff_ffff)
}

/// FNV-1a.
fn hash(lab: &Lab) -> u32 {
    lab.dir.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The interfaces with their addresses, a line each.
fn addresses(sh: &Shell) -> Result<String> {
    Ok(cmd!(sh, "ip -4 -o address show").quiet().read()?)
}

/// The second number of the addresses that the bridge has, or else the first that nobody has a route to.
fn number(sh: &Shell, bridge: &str) -> Result<u32> {
    let number = |line: &str| line.split_once(" inet 10.")?.1.split('.').next()?.parse::<u32>().ok();
    if let Some(number) = addresses(sh)?.lines().filter(|line| line.contains(bridge)).find_map(number) {
        return Ok(number);
    }
    let routes = cmd!(sh, "ip -4 route show").quiet().read()?;
    let free = |number: &u32| !routes.lines().any(|route| route.starts_with(&format!("10.{number}.")));
    (200..250).find(free).context("all of the lab's addresses (10.200.0.0 to 10.249.0.0) are in use")
}

/// The MTU of the interface that packets leave by.
fn mtu() -> u32 {
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let default = routes.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let interface = default.into_iter().find(|words| words.get(1) == Some(&"00000000"));
    let mtu = interface.and_then(|words| fs::read_to_string(format!("/sys/class/net/{}/mtu", words[0])).ok());
    mtu.and_then(|text| text.trim().parse().ok()).unwrap_or(1500)
}
