//! What something is held to, as one table: a word for each line, what it asks for, and how to mend it. Messages and
//! pages of the reference are made from it. It knows no table.

macro_rules! held_to {
    ($(#[$doc:meta])* $of:ident: $($name:ident $id:literal: $what:literal, $mend:literal;)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $of {
            $($name,)*
        }

        impl $of {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As it is written everywhere.
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)*
                }
            }

            /// What it asks for.
            pub const fn what(self) -> &'static str {
                match self {
                    $(Self::$name => $what,)*
                }
            }

            pub const fn mend(self) -> &'static str {
                match self {
                    $(Self::$name => $mend,)*
                }
            }
        }
    };
    // Where one line weighs more than another.
    ($(#[$doc:meta])* $of:ident by $weight:ident: $($name:ident $heavy:ident $id:literal: $what:literal, $mend:literal;)*) => {
        held_to! { $(#[$doc])* $of: $($name $id: $what, $mend;)* }

        impl $of {
            pub const fn severity(self) -> $weight {
                match self {
                    $(Self::$name => $weight::$heavy,)*
                }
            }
        }
    };
}
pub(crate) use held_to;
