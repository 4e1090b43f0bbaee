//! The API that is served right now: in development another one takes its place when its document changes.

use std::sync::Arc;

use arc_swap::ArcSwap;
use connexion::{ApiService, BodyMemory};

use super::layers::Layers;
use crate::config::CorsOrigins;
use crate::pages::Site;

/// An API that can be replaced; requests under way keep the one that they began with.
#[derive(Clone)]
pub(crate) struct Served {
    layers: Arc<ArcSwap<Layers>>,
    origins: Option<CorsOrigins>,
    site: Site,
    body_memory: BodyMemory,
}

impl Served {
    /// Serves `api`, whose bodies take `body_memory`.
    pub(crate) fn new(
        api: ApiService,
        origins: Option<CorsOrigins>,
        site: Site,
        body_memory: BodyMemory,
    ) -> Self {
        let layers = Layers::new(api, origins.as_ref(), site.clone(), body_memory.clone());
        Self {
            layers: Arc::new(ArcSwap::from_pointee(layers)),
            origins,
            site,
            body_memory,
        }
    }

    /// Serves `api` from now on.
    pub(crate) fn replace(&self, api: ApiService) {
        let (site, memory) = (self.site.clone(), self.body_memory.clone());
        let layers = Layers::new(api, self.origins.as_ref(), site, memory);
        self.layers.store(Arc::new(layers));
    }

    pub(super) fn now(&self) -> Arc<Layers> {
        self.layers.load_full()
    }
}
