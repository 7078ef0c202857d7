-- Appends the facts of one decision, all or none. False: the idempotency key was used before. $1 account;
-- arrays in the order of the facts: $2 event ids, $3 objects, $4 versions, $5 types, $6 deleted, $7
-- states, $8 previous attributes, $9 what the object keeps to itself; $10 request, $11 idempotency key,
-- $12 created, $13 trace, $14 the objects that were only read and their versions, as JSON; $15
-- fingerprint, $16 answer, $17 the key it is sealed with, $18 the event that has the answer where there
-- is none.
select calmony.append_group($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
       as appended
