-- The key of fingerprints.
select bytes from sandbox.secret
