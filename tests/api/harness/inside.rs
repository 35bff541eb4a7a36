//! What no route shows.

use std::sync::Arc;

use weir::service::Context;

use super::Shop;

impl Shop {
    /// What the use cases of a server work with.
    pub(crate) fn context_of(&self, replica: usize) -> Arc<Context> {
        let replicas = self.replicas.lock().unwrap();
        Arc::clone(replicas[replica].app.as_ref().unwrap().context())
    }
}
