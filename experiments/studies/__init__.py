"""The study of negotiation: what is trained, who meets whom, what is read off, and what follows for who has to choose."""
