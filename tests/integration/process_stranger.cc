// A program without the client: rayd must say so when it is taken for one.
int main() { return 0; }
