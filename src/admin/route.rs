//! [`Route`], a method of a path with its documentation.

use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::Method;

/// A method of a path.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) method: Method,
    /// Path below `/__admin`, with `{name}` for variable segments.
    pub(super) path: &'static str,
    pub(super) group: RouteGroup,
    pub(super) summary: &'static str,
    /// Query parameters with their descriptions.
    pub(super) query: &'static [(&'static str, &'static str)],
    /// Type of the request body.
    pub(super) body: Option<Payload>,
    /// Status of a successful response.
    pub(super) status: u16,
    pub(super) answers: Payload,
    pub(super) handler: MethodRouter,
}

/// The type of a body in the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    Bytes,
    Events,
    Html,
    Json,
    Nothing,
    Text,
}

/// A source of the routes, for those who describe them.
#[derive(Clone, Copy, Debug)]
pub(super) struct RouteList(pub(super) fn() -> Vec<Route>);

/// Groups of routes in the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RouteGroup {
    Stubs,
    Requests,
    NearMisses,
    Scenarios,
    Channels,
    Files,
    Settings,
    Recordings,
    System,
    Standin,
    Dashboard,
}

impl RouteGroup {
    pub(super) const ALL: [Self; 11] = [
        Self::Stubs,
        Self::Requests,
        Self::NearMisses,
        Self::Scenarios,
        Self::Channels,
        Self::Files,
        Self::Settings,
        Self::Recordings,
        Self::System,
        Self::Standin,
        Self::Dashboard,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Stubs => "Stub mappings",
            Self::Requests => "Requests",
            Self::NearMisses => "Near misses",
            Self::Scenarios => "Scenarios",
            Self::Channels => "Channels and messages",
            Self::Files => "Files",
            Self::Settings => "Settings",
            Self::Recordings => "Recordings",
            Self::System => "System",
            Self::Standin => "Only in standin",
            Self::Dashboard => "Dashboard",
        }
    }
}

impl Route {
    pub(super) fn new<H, T>(
        method: Method,
        path: &'static str,
        group: RouteGroup,
        summary: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, ()>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("the methods below are standard ones");
        let handler = on(filter, handler);
        let (query, body, status, answers) = (&[][..], None, 200, Payload::Json);
        Self { method, path, group, summary, query, body, status, answers, handler }
    }

    pub(super) fn get<H: Handler<T, ()>, T: 'static>(
        path: &'static str,
        group: RouteGroup,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::GET, path, group, summary, handler)
    }

    pub(super) fn post<H: Handler<T, ()>, T: 'static>(
        path: &'static str,
        group: RouteGroup,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::POST, path, group, summary, handler)
    }

    pub(super) fn put<H: Handler<T, ()>, T: 'static>(
        path: &'static str,
        group: RouteGroup,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::PUT, path, group, summary, handler)
    }

    pub(super) fn delete<H: Handler<T, ()>, T: 'static>(
        path: &'static str,
        group: RouteGroup,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::DELETE, path, group, summary, handler)
    }

    pub(super) fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    pub(super) fn takes(mut self, body: Payload) -> Self {
        self.body = Some(body);
        self
    }

    pub(super) fn answers(mut self, status: u16, answers: Payload) -> Self {
        (self.status, self.answers) = (status, answers);
        self
    }
}
