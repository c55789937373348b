//! The scripted shop against the real decoders and the real engine, in virtual time.

#[cfg(test)]
mod one;
#[cfg(test)]
mod retold;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod virtual_time;
