//! The control API under `/simulator`: what a phone, a cashier and a test do to the simulated `WeChat`.
//!
//! JSON in and out. Unknown fields are refused. A refusal is
//! `{"code":"…","message":"…"}` with a 4xx status, except where the real phone would see an
//! `errMsg` (`request-payment`). Times are RFC 3339 UTC, money is integer fen.
//!
//! | route | what it does |
//! |---|---|
//! | `POST /simulator/users`, `GET /simulator/users`, `PATCH /simulator/users/{user_id}` | people who own a phone |
//! | `POST /simulator/login-codes` | `wx.login` |
//! | `POST /simulator/request-payment` | `wx.requestPayment`, up to the cashier's sheet |
//! | `POST /simulator/cashiers/{cashier_id}` | what the person does on that sheet |
//! | `GET /simulator/transactions` | the truth about every order |
//! | `GET`, `DELETE /simulator/calls` | calls that arrived at the simulated `WeChat` |
//! | `GET`, `POST /simulator/notifications`, `POST /simulator/notifications/deliver` | deliveries tried, crafted, due |
//! | `GET`, `PUT`, `DELETE /simulator/faults` | what goes wrong |
//! | `GET`, `POST /simulator/keys`, `POST /simulator/keys/rotate` | the key that signs |
//! | `POST /simulator/access-tokens/displace` | "someone else" fetched a token |
//! | `GET`, `POST /simulator/clock` | the simulator's clock |
//! | `GET /simulator/events` | what happened, for the phone page |
//! | `GET /simulator/openapi.json` | this API |
