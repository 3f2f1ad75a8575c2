//! The last look of a run: does each entrance that was judged still answer? A server that went down on the way leaves
//! results which nobody should believe, and which may look like a pass. Judges nothing.

use std::time::Duration;

use net::{Dialer, Endpoint, TlsOptions, Versions};
use tokio::time::{sleep, timeout};

use crate::interrupt;

/// How long a connection, a handshake and a greeting may take, unless the user says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);
/// A server that limits connections may still count those of the run: it is asked again before it is called gone.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// Asks each of these entrances for a greeting. What keeps the results from being believed, if something does.
pub(super) async fn last_look(
    dialer: &Dialer,
    entrances: &[record::Entrance],
    wait: Option<Duration>,
    interrupt: &interrupt::Listener,
) -> Option<String> {
    let look = async {
        for entrance in entrances {
            if let Err(reason) = answers(dialer, entrance, wait.unwrap_or(PATIENCE)).await {
                return Some(format!(
                    "the target was gone at the end of the run: {reason} Failures and inconclusive checks may show no \
                     more than that it went; judge it again, with --jobs 1 to see whether a check brings it down"
                ));
            }
        }
        None
    };
    tokio::select! {
        gone = look => gone,
        () = interrupt.interrupted() => Some(interrupt::INTERRUPTED.to_owned()),
    }
}

/// Whether there is a greeting, of any kind; otherwise a sentence that says what there was instead.
async fn answers(dialer: &Dialer, entrance: &record::Entrance, wait: Duration) -> Result<(), String> {
    let endpoint = Endpoint::new(entrance.host.clone(), entrance.port);
    let mut last = String::new();
    for number in 0..TRIES {
        if number > 0 {
            sleep(PAUSE).await;
        }
        let implicit = entrance.security == record::Security::Implicit;
        // One that never greeted is there when it takes the connection.
        let greets = !entrance.greeting.is_empty();
        last = match timeout(wait, greeting(dialer, &endpoint, implicit, greets)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(reason)) => reason,
            Err(_) => format!("{endpoint} gave no greeting within {} s.", wait.as_secs()),
        };
    }
    Err(last)
}

async fn greeting(dialer: &Dialer, endpoint: &Endpoint, implicit: bool, greets: bool) -> Result<(), String> {
    let told = |error: net::DialError| format!("{error}.").replace("?.", "?");
    let mut stream = dialer.connect(endpoint, None).await.map_err(told)?;
    if implicit {
        let options = TlsOptions { server_name: Some(endpoint.host.clone()), versions: Versions::Any };
        stream = dialer.start_tls(stream, &options).await.map_err(told)?;
    }
    if !greets {
        return Ok(());
    }
    match stream.read(&mut [0]).await {
        Ok(0) => Err(format!("{endpoint} closed the connection without a greeting.")),
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{endpoint}, before a greeting: {error}.")),
    }
}
