//! One connection to the kernel's routing netlink, shared by those who ask it.

use std::io;
use std::sync::Arc;

use rtnetlink::Handle;
use tokio::task::AbortHandle;

/// A connection for requests. Its clones share it; it ends with the last.
#[derive(Debug, Clone)]
pub struct Netlink {
    handle: Handle,
    _connection: Arc<Connection>,
}

#[derive(Debug)]
struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Netlink {
    /// Opens a connection, driven by a task of the current tokio runtime. It
    /// stays in the network namespace of the thread that calls this.
    ///
    /// # Errors
    /// The system's, when it gives no netlink socket.
    pub fn open() -> io::Result<Self> {
        let (connection, handle, _unsolicited) = rtnetlink::new_connection()?;
        let task = tokio::spawn(connection);
        Ok(Self { handle, _connection: Arc::new(Connection(task.abort_handle())) })
    }

    /// The handle to make requests with.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}
