//! Payments through the API, the sandbox processor and its journal, beside creates of customers in the same
//! run.

use super::Extent;
use super::generator::Ask;
use super::report::{Report, Sample, Series, add, bounds, median};
use super::stage::Stage;

/// The customers that pay, each with a method of its own.
const PAYERS: usize = 256;
const CONNECTIONS: u64 = 32;

pub(super) async fn measure(report: &mut Report, Extent { rounds, slice, .. }: Extent) {
    let mut stage = Stage::paying().await;
    let mut payers = Vec::with_capacity(PAYERS);
    for _ in 0..PAYERS {
        let customer = stage.system.client.customer("payer").await;
        let method =
            stage.system.client.post("/v1/payment_methods", "type=card&card[token]=tok_visa").await.id();
        let path = format!("/v1/payment_methods/{method}/attach");
        stage.system.client.post(&path, &format!("customer={customer}")).await.ok();
        payers.push((customer, method));
    }
    let mut group = [
        Series::new("create, 32 connections"),
        Series::new("create and confirm a payment, 32 connections").wanting(0.2),
        Series::new("authorise and capture, 32 connections"),
    ];
    for _ in 0..rounds {
        let creates = stage.creates();
        let mut samples = Vec::new();
        for ask in [creates, Ask::Pay(payers.clone()), Ask::HoldAndCapture(payers.clone())] {
            let (seen, usage) = stage.run(&stage.plan(ask, CONNECTIONS, slice)).await;
            samples.push(Sample::of_load(&seen, usage));
        }
        add(&mut group, samples);
        stage.forget().await;
    }
    report.group("payments, deliveries off", &group);
    report.head(&["the processor", "CPU s for 10,000", "min", "max"]);
    for series in &group {
        let cpu: Vec<f64> =
            series.samples.iter().map(|sample| sample.usage.processor / sample.count * 10_000.0).collect();
        let (low, high) = bounds(&cpu);
        report.line(&format!("| {} | {:.2} | {low:.2} | {high:.2} |", series.name, median(cpu)));
    }
    stage.close().await;
}
