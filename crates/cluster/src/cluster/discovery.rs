//! The other etcd by which the members of a new fleet find each other.

use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use super::error::StartError;
use super::fleet::Cluster;
use super::start;
use crate::binary::Binary;
use crate::http::Request;
use crate::plan::{DiscoveryProtocol, DiscoveryService, Spec};

/// How long the discovery may take for one request. It is ready, and on this machine.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Starts a discovery of `members` members for the fleet `spec`, in a directory below `directory`,
/// and enters how many members that fleet is to have.
///
/// All of it is before the fleet's first member starts: one that finds no discovery tries again only
/// after two seconds, one that finds it without a size not at all (`v3discovery/discovery.go` and
/// `v2discovery/discovery.go`, `checkCluster`).
pub(super) async fn start(
    members: usize,
    spec: &Spec,
    binary: &Binary,
    directory: &Path,
) -> Result<(Cluster, DiscoveryService), StartError> {
    let protocol = DiscoveryProtocol::of(binary.release());
    let own = protocol.spec(members, spec);
    let cluster = start_fleet(&own, binary, directory).await;
    let cluster = cluster.map_err(|error| StartError::Discovery(Box::new(error)))?;
    // The directory's name is random, and no other fleet's.
    let token = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let size = spec.member_names().len().to_string();
    let ca = cluster.plan().client_trusts().map(Path::to_owned);
    let service = match protocol {
        DiscoveryProtocol::V2 => {
            let endpoint = cluster.member(0).client_url();
            let service = DiscoveryService::v2(endpoint, &token, ca);
            enter_size_v2(&cluster, &service, &size).await?;
            service
        }
        DiscoveryProtocol::V3 => {
            let key = format!("/_etcd/registry/{token}/_config/size");
            cluster.client().await?.put(key, size).await?;
            let client = cluster.plan().client_shows().cloned();
            DiscoveryService::V3 { endpoints: cluster.endpoints(), token, ca, client }
        }
    };
    Ok((cluster, service))
}

/// A fleet's start begins another's, so that the future would hold itself.
fn start_fleet<'a>(
    spec: &'a Spec,
    binary: &'a Binary,
    parent: &'a Path,
) -> Pin<Box<dyn Future<Output = Result<Cluster, StartError>> + Send + 'a>> {
    Box::pin(start::start(spec, binary, parent))
}

async fn enter_size_v2(
    cluster: &Cluster,
    service: &DiscoveryService,
    size: &str,
) -> Result<(), StartError> {
    let DiscoveryService::V2 { url, .. } = service else { return Ok(()) };
    let request = Request {
        method: "PUT",
        url: &format!("{url}/_config/size"),
        form: Some(&format!("value={size}")),
    };
    let tls = cluster.client_tls()?;
    let answer = request.send(tls.as_ref(), ANSWER_WITHIN).await;
    answer.map(drop).map_err(StartError::DiscoverySize)
}
