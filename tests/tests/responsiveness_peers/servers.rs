//! Servers of other makers, set up as test servers: a discovery document, two files, and
//! uploads handed on to Hearth's server, which drops them.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use hearth_tests::lab::netns::Netns;
use rcgen::{CertifiedKey, generate_simple_self_signed};

/// A large object, sparse: what is short of the draft's 8 GB would be asked for again.
const LARGE: u64 = 8 << 30;
/// A short one, to be asked for again and again.
const SHORT: u64 = 2 << 20;

/// A server and how it is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server {
    /// Of its trial.
    pub(crate) name: &'static str,
    /// Its program, of the Debian package that is named `package`.
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
    /// Says its version.
    pub(crate) version: &'static str,
    /// The large object's name.
    large: &'static str,
    /// Whether a small exchange beside a download comes by.
    pub(crate) interleaves: bool,
    arguments: &'static [&'static str],
    config: &'static str,
}

pub(crate) const SERVERS: [Server; 5] = [
    Server {
        name: "nginx",
        program: "nginx",
        package: "nginx-light",
        version: "-v",
        large: "large",
        interleaves: true,
        arguments: &["-e", "stderr", "-c"],
        config: NGINX,
    },
    // Few streams, few requests a connection, short objects and uploads.
    Server {
        name: "nginx_as_it_comes",
        program: "nginx",
        package: "nginx-light",
        version: "-v",
        large: "short",
        interleaves: true,
        arguments: &["-e", "stderr", "-c"],
        config: NGINX_NARROW,
    },
    Server {
        name: "apache",
        program: "apache2",
        package: "apache2",
        version: "-v",
        large: "large",
        // Its module sends the file first; curl sees the same.
        interleaves: false,
        arguments: &["-X", "-f"],
        config: APACHE,
    },
    Server {
        name: "h2o",
        program: "h2o",
        package: "h2o",
        version: "-v",
        large: "large",
        interleaves: true,
        arguments: &["-c"],
        config: H2O,
    },
    Server {
        name: "caddy",
        program: "caddy",
        package: "caddy",
        version: "version",
        large: "large",
        interleaves: true,
        arguments: &["run", "--adapter", "caddyfile", "--config"],
        config: CADDY,
    },
];

const NGINX: &str = "daemon off; master_process off; pid @FOLDER@/pid; error_log stderr;
events { worker_connections 1024; }
http {
  access_log off; default_type application/octet-stream; tcp_nodelay on;
  client_body_temp_path @FOLDER@/b; proxy_temp_path @FOLDER@/p; fastcgi_temp_path @FOLDER@/f;
  uwsgi_temp_path @FOLDER@/u; scgi_temp_path @FOLDER@/s;
  ssl_certificate @FOLDER@/cert.pem; ssl_certificate_key @FOLDER@/key.pem;
  server {
    listen @AT@ ssl http2; client_max_body_size 0; root @FOLDER@/root;
    location = /up {
      proxy_pass https://@SINK@/upload; proxy_http_version 1.1; proxy_request_buffering off;
    }
  }
}";

/// The body limit is nginx's default, the number of requests a hundredth of it.
const NGINX_NARROW: &str = "daemon off; master_process off; pid @FOLDER@/pid; error_log stderr;
events { worker_connections 1024; }
http {
  access_log off; default_type application/octet-stream; tcp_nodelay on;
  client_body_temp_path @FOLDER@/b; proxy_temp_path @FOLDER@/p; fastcgi_temp_path @FOLDER@/f;
  uwsgi_temp_path @FOLDER@/u; scgi_temp_path @FOLDER@/s;
  ssl_certificate @FOLDER@/cert.pem; ssl_certificate_key @FOLDER@/key.pem;
  server {
    listen @AT@ ssl http2; keepalive_requests 10; http2_max_concurrent_streams 4; root @FOLDER@/root;
    location = /up {
      proxy_pass https://@SINK@/upload; proxy_http_version 1.1; proxy_request_buffering off;
    }
  }
}";

const APACHE: &str = "ServerRoot @FOLDER@
ServerName @HOST@
PidFile @FOLDER@/pid
ErrorLog /dev/stderr
Mutex file:@FOLDER@
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
LoadModule http2_module /usr/lib/apache2/modules/mod_http2.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
User www-data
Group www-data
Listen @AT@
Protocols h2 http/1.1
SSLEngine on
SSLCertificateFile @FOLDER@/cert.pem
SSLCertificateKeyFile @FOLDER@/key.pem
SSLProxyEngine on
SSLProxyVerify none
SSLProxyCheckPeerName off
DocumentRoot @FOLDER@/root
<Directory />
  Require all granted
</Directory>
ProxyPass /up https://@SINK@/upload
";

const H2O: &str = "user: root
error-log: /dev/stderr
num-threads: 1
temp-buffer-path: @FOLDER@
limit-request-body: 1099511627776
listen:
  host: @HOST@
  port: @PORT@
  ssl:
    certificate-file: @FOLDER@/cert.pem
    key-file: @FOLDER@/key.pem
    ocsp-update-interval: 0
hosts:
  default:
    paths:
      /up:
        proxy.reverse.url: https://@SINK@/upload
        proxy.ssl.verify-peer: OFF
      /:
        file.dir: @FOLDER@/root
";

const CADDY: &str = "{
  admin off
  auto_https off
  storage file_system @FOLDER@/storage
}
https://@AT@ {
  tls @FOLDER@/cert.pem @FOLDER@/key.pem
  handle /up {
    rewrite * /upload
    reverse_proxy https://@SINK@ {
      transport http {
        tls_insecure_skip_verify
        versions 1.1
      }
    }
  }
  handle {
    root * @FOLDER@/root
    file_server
  }
}
";

impl Server {
    /// A command that serves at `at`, and hands uploads to `sink`; what its clients must
    /// trust goes to `cert.pem` in `folder`.
    pub(crate) fn command(
        self,
        core: &Netns,
        folder: &Path,
        at: SocketAddr,
        sink: SocketAddr,
    ) -> anyhow::Result<Command> {
        let well_known = folder.join("root/.well-known");
        std::fs::create_dir_all(&well_known)?;
        // Some give up root's rights before they read it.
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?;
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([at.ip().to_string()])?;
        std::fs::write(folder.join("cert.pem"), cert.pem())?;
        std::fs::write(folder.join("key.pem"), signing_key.serialize_pem())?;
        let large = self.large;
        let document = serde_json::json!({ "version": 1, "served_by": self.program, "urls": {
            "small_https_download_url": format!("https://{at}/small"),
            "large_https_download_url": format!("https://{at}/{large}"),
            "https_upload_url": format!("https://{at}/up"),
        }});
        std::fs::write(well_known.join("nq"), document.to_string())?;
        std::fs::write(folder.join("root/small"), "x")?;
        for (name, octets) in [("large", LARGE), ("short", SHORT)] {
            std::fs::File::create(folder.join("root").join(name))?.set_len(octets)?;
        }
        let config = self
            .config
            .replace("@FOLDER@", &folder.to_string_lossy())
            .replace("@SINK@", &sink.to_string())
            .replace("@AT@", &at.to_string())
            .replace("@HOST@", &at.ip().to_string())
            .replace("@PORT@", &at.port().to_string());
        let file = folder.join("config");
        std::fs::write(&file, config)?;
        let mut command = core.command(self.program);
        command.args(self.arguments).arg(file).env("HOME", folder);
        Ok(command)
    }
}
