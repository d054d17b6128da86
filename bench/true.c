/* The program that every subject of the benchmark runs. */
int main(void) { return 0; }
