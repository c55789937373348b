//! An orderly end: one signal that every part of the process can wait for.

use tokio::sync::watch;

/// Gives the signal. Dropping it gives the signal too, so that nothing outlives its owner.
#[derive(Debug)]
pub struct Drain {
    sender: watch::Sender<bool>,
}

/// Waits for the signal. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DrainHandle {
    receiver: watch::Receiver<bool>,
}

impl Drain {
    pub fn new() -> (Self, DrainHandle) {
        let (sender, receiver) = watch::channel(false);
        (Self { sender }, DrainHandle { receiver })
    }

    /// One more who waits for it.
    pub fn handle(&self) -> DrainHandle {
        DrainHandle { receiver: self.sender.subscribe() }
    }

    pub fn start(&self) {
        self.sender.send_replace(true);
    }
}

impl DrainHandle {
    pub async fn started(&mut self) {
        // An error means that the other side is gone, which is the signal as well.
        let _ = self.receiver.wait_for(|draining| *draining).await;
    }

    pub fn is_started(&self) -> bool {
        *self.receiver.borrow() || self.receiver.has_changed().is_err()
    }
}

/// Comes back with the signal's name when the process is asked to end (SIGTERM, SIGINT).
pub async fn on_termination() -> std::io::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
