//! Scripted homes: for each remedy one that it would help, one that it would not, and one
//! of which nothing can be said.
