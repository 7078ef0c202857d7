-- Keeps a notice that is to be sent. $3: the number of copies.
insert into sandbox.notice (id, operation, copies) values ($1, $2::text::json, $3)
