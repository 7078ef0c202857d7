-- How far an account's log is in its search documents. $1 account. Key: search_progress_is_one_an_account.
select position from calmony.search_progress where account = $1
