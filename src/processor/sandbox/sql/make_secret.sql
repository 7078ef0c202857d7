-- Keeps the key of fingerprints, unless there is one.
insert into sandbox.secret (bytes) values ($1) on conflict (one) do nothing
