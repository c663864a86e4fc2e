//! A mock in a Rust test: the backend fails once, then works, and the client under test must retry.
//!
//! ```sh
//! cargo run --example mock_in_a_test
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use standin::Mock;
use standin::mock::{get, json, status};

/// The code under test: fetches the stock of an item, with one retry.
fn stock(base: &str, sku: &str) -> Result<u64, ureq::Error> {
    let fetch = || ureq::get(format!("{base}/items/{sku}")).call()?.body_mut().read_to_string();
    let body = fetch().or_else(|_| fetch())?;
    Ok(body.trim_start_matches("{\"stock\":").trim_end_matches('}').parse().unwrap_or_default())
}

fn main() -> Result<(), ureq::Error> {
    let server = Mock::start();
    let stub = server.stub(get("/items/A-100").reply(status(503)).then(json!({"stock": 42})));

    let stock = stock(&server.url(""), "A-100")?;

    assert_eq!(stock, 42);
    stub.verify(2);
    println!("the client retried once and read a stock of {stock}");
    Ok(())
}
