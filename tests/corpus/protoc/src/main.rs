use prost::Message;

mod event {
    include!(concat!(env!("OUT_DIR"), "/event.rs"));
}

fn main() {
    let at = prost_types::Timestamp { seconds: 1, nanos: 0 };
    let event = event::Event { name: "opened".to_owned(), at: Some(at) };
    println!("event of {} bytes", event.encode_to_vec().len());
}
