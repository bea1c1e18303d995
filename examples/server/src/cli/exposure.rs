//! Who may use the server, and from where.

use clap::Args;

use super::over;

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Exposure")]
pub(crate) struct ExposureArgs {
    /// The host names that are answered to, comma-separated, besides localhost and IP addresses; or any, where a proxy
    /// checks them [env: PROVESI_HOSTS] [default: none]
    #[arg(long, value_name = "NAMES")]
    pub(crate) hosts: Option<String>,
    /// Addresses and networks (CIDR) of proxies whose X-Forwarded-For, -Proto and -Host count, comma-separated [env:
    /// PROVESI_TRUSTED_PROXIES] [default: none]
    #[arg(long, value_name = "NETWORKS")]
    pub(crate) trusted_proxies: Option<String>,
    /// The request header in which a proxy names the user, such as x-forwarded-user. The proxy must strip it from incoming
    /// requests. It counts from --trusted-proxies, or without them from this machine [env: PROVESI_USER_HEADER] [default:
    /// none]
    #[arg(long, value_name = "HEADER")]
    pub(crate) user_header: Option<String>,
    /// Everybody who reaches the port may read and change everything, and that is intended: on or off. Only silences the
    /// warning at start [env: PROVESI_OPEN] [default: off]
    #[arg(long, value_name = "on|off", num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    pub(crate) open: Option<String>,
    /// Origins whose scripts may use the API: none, a comma-separated list, or any (by GET and HEAD) [env: PROVESI_CORS]
    /// [default: none]
    #[arg(long, value_name = "ORIGINS")]
    pub(crate) cors: Option<String>,
    /// The methods by which they may, comma-separated [env: PROVESI_CORS_METHODS] [default: GET,HEAD]
    #[arg(long, value_name = "METHODS")]
    pub(crate) cors_methods: Option<String>,
    /// The request headers that they may send, comma-separated [env: PROVESI_CORS_HEADERS] [default:
    /// content-type,if-match,x-request-id]
    #[arg(long, value_name = "HEADERS")]
    pub(crate) cors_headers: Option<String>,
}

impl ExposureArgs {
    /// These flags where they are given, else those.
    pub(crate) fn over(self, below: Self) -> Self {
        over!(self, below, hosts, trusted_proxies, user_header, open, cors, cors_methods, cors_headers)
    }
}
