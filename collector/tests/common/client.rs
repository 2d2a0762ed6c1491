//! A client written by hand, which may say anything.

use hearth_proto::convert::encode_record;
use hearth_proto::wire::{self, agent_message::Message as Out, collector_message::Message as In};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};

use super::{Collector, slot};

/// One stream.
pub struct Client {
    pub out: mpsc::Sender<wire::AgentMessage>,
    pub incoming: Streaming<wire::CollectorMessage>,
}

impl Client {
    pub async fn connect(collector: &Collector) -> Self {
        let url = format!("http://{}", collector.addr);
        Self::through(Endpoint::from_shared(url).unwrap().connect().await.unwrap()).await
    }

    pub async fn through(channel: Channel) -> Self {
        let mut client = wire::collector_client::CollectorClient::new(channel);
        let (out, outgoing) = mpsc::channel(4);
        let incoming = client.report(ReceiverStream::new(outgoing)).await.unwrap().into_inner();
        Self { out, incoming }
    }

    pub async fn welcomed(collector: &Collector, agent: &str, household: &str) -> Self {
        let mut client = Self::connect(collector).await;
        client.say(hello(agent, household)).await;
        assert!(matches!(client.hear().await.unwrap(), In::Welcome(_)));
        client
    }

    pub async fn say(&self, message: Out) {
        self.out.send(wire::AgentMessage { message: Some(message) }).await.unwrap();
    }

    pub async fn hear(&mut self) -> Result<In, Status> {
        Ok(self.incoming.message().await?.expect("stream closed").message.unwrap())
    }

    pub async fn ack(&mut self) -> wire::Ack {
        match self.hear().await.unwrap() {
            In::Ack(ack) => ack,
            other => panic!("{other:?}"),
        }
    }
}

pub fn hello(agent: &str, household: &str) -> Out {
    Out::Hello(wire::Hello {
        agent: agent.to_owned(),
        household: household.to_owned(),
        version: "0".to_owned(),
        vantage: wire::Vantage::Device.into(),
    })
}

pub fn batch(records: Vec<(u64, Vec<u8>)>) -> Out {
    let records = records
        .into_iter()
        .map(|(seq, record)| wire::Envelope { seq, record: record.into() })
        .collect();
    Out::Batch(wire::ReportBatch { boot: 9, records })
}

pub fn good(n: u64) -> Vec<u8> {
    encode_record(&slot("wan", n))
}
